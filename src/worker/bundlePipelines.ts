import { createHash } from 'node:crypto';
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, extname, join, relative, sep } from 'node:path';
import type { BundleOptions, WorkflowBundle, WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { SluiceError } from '../errors';
import { keepBundle, readKeptBundle, type MadeOf } from './keptBundle';
import { describeEscapes, LEFT_OUT, leavesSandbox, type Escape } from './sandboxImports';

export interface BundlePipelinesOptions {
  /** Files that export pipelines: TypeScript or JavaScript, ECMAScript modules or CommonJS; absolute paths. */
  files: readonly string[];
  /**
   * Where the bundle is kept, to be used again until a file changes that it was made of, and what webpack has read, so that
   * the bundle after a change takes a third of a second; without it nothing is kept.
   */
  cacheFolder?: string;
  /** The file of the failure converter, where failures are encrypted. */
  failureConverter?: string;
  /** What else is to be in it: the interceptors of traces. */
  plugins?: NonNullable<BundleOptions['plugins']>;
}

/**
 * Bundles pipeline files for the workflow sandbox, with the engine's own workflows (`arrivals`, `jobs`, `job`, `pool`) beside them.
 * The workflow type of a pipeline is the name that `definePipeline` gave it; other exports are left out.
 * @throws SluiceError InvalidPipeline that names the file, what is wrong with it, and the cure
 */
export async function bundlePipelines({
  files,
  cacheFolder,
  failureConverter,
  plugins = [],
}: BundlePipelinesOptions): Promise<WorkflowBundle> {
  const missing = files.filter((file) => !existsSync(file));
  if (missing.length > 0)
    throw new SluiceError(
      'InvalidPipeline',
      `No such file: ${missing.join(', ')}; correct the project's pipelines`,
    );
  const folder = cacheFolder ?? (await mkdtemp(join(tmpdir(), 'sluice-bundle-')));
  try {
    const entry = await writeEntry(files, folder);
    return await bundleModule({
      entry,
      plugins,
      ...(cacheFolder === undefined ? {} : { cacheFolder }),
      ...(failureConverter === undefined ? {} : { failureConverter }),
    });
  } finally {
    if (cacheFolder === undefined) await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Bundles a module whose exports are workflows.
 * @throws SluiceError InvalidPipeline
 */
export async function bundleModule(options: BundleModule): Promise<WorkflowBundle> {
  const { entry, cacheFolder, failureConverter = '', plugins } = options;
  // What plugins add is not known before they do it.
  if (cacheFolder === undefined || plugins.length > 0) return (await bundleEntry(options)).bundle;
  const key = createHash('sha256').update([entry, failureConverter, readBundler()].join('\0')).digest('hex');
  const file = join(cacheFolder, `bundle-${key.slice(0, 16)}.json`);
  const kept = await readKeptBundle(file);
  if (kept !== null) return kept;
  const beganMs = Date.now();
  const { bundle, madeOf } = await bundleEntry(options);
  await keepBundle(file, { code: bundle.code, ...madeOf, beganMs });
  return bundle;
}

interface BundleModule {
  /** Its file, which in the cache folder is named by its content. */
  entry: string;
  plugins: NonNullable<BundleOptions['plugins']>;
  cacheFolder?: string;
  failureConverter?: string;
}

/** Another bundler makes another bundle of the same files. */
function readBundler(): string {
  const files = [
    ...[__filename, ownModule('worker', 'sandboxImports')],
    require.resolve('@temporalio/worker/package.json'),
  ];
  return files.map((file) => readFileSync(file, 'utf8')).join('\0');
}

/** Modules of this package, as built or as in a checkout. */
function ownModule(...path: string[]): string {
  const module = join(realpathSync(__dirname), '..', ...path);
  return existsSync(`${module}.js`) ? `${module}.js` : `${module}.ts`;
}

const ENGINE = ownModule('workflows', 'engine');
const STEPS = ownModule('workflows', 'steps', 'index');
const DOOR = ownModule('workflow');

/** The generated module from which the worker takes its workflows. Files are named by their content, so none is half written. */
async function writeEntry(files: readonly string[], folder: string): Promise<string> {
  const requires = [...new Set(files.map((file) => realpathSync(file)))].map(
    (file) => `  require(${JSON.stringify(file)}),`,
  );
  const code = [
    `const { collectPipelines } = require(${JSON.stringify(STEPS)});`,
    `module.exports = { ...require(${JSON.stringify(ENGINE)}), ...collectPipelines([`,
    ...requires,
    ']) };',
    '',
  ].join('\n');
  await mkdir(folder, { recursive: true });
  const entry = join(folder, `pipelines-${createHash('sha256').update(code).digest('hex').slice(0, 16)}.cjs`);
  await writeFile(entry, code);
  return entry;
}

type Webpack = Parameters<NonNullable<BundleOptions['webpackConfigHook']>>[0];
type Plugin = Extract<NonNullable<Webpack['plugins']>[number], { apply: unknown }>;

async function bundleEntry({
  entry,
  cacheFolder,
  failureConverter,
  plugins,
}: BundleModule): Promise<{ bundle: WorkflowBundleWithSourceMap; madeOf: MadeOf }> {
  const { bundleWorkflowCode, DefaultLogger } = await import('@temporalio/worker');
  const found: Findings = { escapes: [], errors: [], files: [], absent: [] };
  const setup = [failureConverter, ...plugins.map(({ name }) => name)].join();
  const [bundled] = await Promise.allSettled([
    bundleWorkflowCode({
      workflowsPath: entry,
      plugins,
      ...(failureConverter === undefined ? {} : { failureConverterPath: failureConverter }),
      // What webpack has to say is in the error.
      logger: new DefaultLogger('ERROR', () => {}),
      webpackConfigHook: (config) =>
        configure(config, cacheFolder === undefined ? undefined : cacheOptions(cacheFolder, setup), found),
    }),
  ]);
  // What is left out of the bundle is no error to webpack, and would be one to the first run.
  if (found.escapes.length > 0) throw new SluiceError('InvalidPipeline', describeEscapes(found.escapes));
  if (found.errors.length > 0) throw new SluiceError('InvalidPipeline', found.errors.join('\n'));
  if (bundled.status === 'rejected') throw bundled.reason;
  // Generated: the entry that the SDK puts beside this one is in memory alone.
  const stem = entry.slice(0, -extname(entry).length);
  const isGenerated = (file: string) =>
    file === `${stem}-autogenerated-entrypoint.cjs` ||
    (cacheFolder !== undefined && file.startsWith(cacheFolder + sep));
  const files = found.files.filter((file) => !isGenerated(file));
  return { bundle: bundled.value, madeOf: { files, absent: found.absent } };
}

function configure(config: Webpack, cache: Webpack['cache'], found: Findings): Webpack {
  const [sourceMaps, typescript] = config.module!.rules as { test: RegExp; use: { options: object } }[];
  return {
    ...config,
    resolve: {
      ...config.resolve,
      extensions: ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs'],
      extensionAlias: { '.js': ['.ts', '.js'], '.mjs': ['.mts', '.mjs'], '.cjs': ['.cts', '.cjs'] },
      alias: {
        ...(config.resolve!.alias as Record<string, string | false>),
        ...LEFT_OUT,
        // One instance of the engine and of Temporal, wherever the project's own links and copies lead to.
        'sluice/workflow$': DOOR,
        '@temporalio/workflow': packageFolder('@temporalio/workflow'),
        '@temporalio/common': packageFolder('@temporalio/common'),
      },
    },
    module: {
      ...config.module,
      rules: [
        sourceMaps!,
        {
          ...typescript!,
          test: /\.[cm]?ts$/,
          use: {
            ...typescript!.use,
            // The project's own settings of swc are for another compiler, as its tests'.
            options: { ...typescript!.use.options, swcrc: false, configFile: false },
          },
        },
      ],
    },
    plugins: [...(config.plugins ?? []), noting(found)],
    externals: [],
    // A cache that another process writes at the same time is read less, and no harm.
    infrastructureLogging: { level: 'none' },
    ...(cache === undefined ? {} : { cache }),
  };
}

function packageFolder(name: string): string {
  return dirname(require.resolve(`${name}/package.json`));
}

/**
 * Packages are known by name and version; this one may be built anew without another version.
 * @param setup what else is in the bundle: webpack takes a module of its cache for another of the same alias
 */
function cacheOptions(cacheFolder: string, setup: string): NonNullable<Webpack['cache']> {
  const version = String(statSync(DOOR).mtimeMs);
  const name = createHash('sha256').update(setup).digest('hex').slice(0, 16);
  return { type: 'filesystem', cacheDirectory: join(cacheFolder, 'webpack'), name, version };
}

interface Findings extends MadeOf {
  escapes: Escape[];
  errors: string[];
}

/** The parts of webpack's modules that are looked at here. */
interface Module {
  /** The file; nothing for what is no file. */
  resource?: string;
  dependencies: Dependency[];
}
interface Dependency {
  request?: string;
}
interface ModuleGraph {
  getModule(dependency: Dependency): Module | null;
  getIssuer(module: Module): Module | null | undefined;
}

/** Notes what leaves the sandbox and what does not compile. */
function noting(found: Findings): Plugin {
  return {
    apply(compiler) {
      compiler.hooks.compilation.tap('sluice', (compilation) => {
        compilation.hooks.finishModules.tap('sluice', (modules) => {
          const graph = compilation.moduleGraph as ModuleGraph;
          for (const module of modules as Iterable<Module>)
            for (const { request } of module.dependencies)
              if (request !== undefined && leavesSandbox(request))
                found.escapes.push(traceEscape(graph, module, request));
        });
      });
      compiler.hooks.done.tap('sluice', (stats) => {
        const { fileDependencies, missingDependencies } = stats.compilation;
        found.files.push(...fileDependencies);
        found.absent.push(...missingDependencies);
        for (const { moduleName, message, loc } of stats.toJson({ all: false, errors: true }).errors ?? []) {
          const where = moduleName ? `${relative(process.cwd(), moduleName)}${loc ? `:${loc}` : ''}: ` : '';
          found.errors.push(`${where}${message}`);
        }
      });
    },
  };
}

/** From the module that imports what is not there, up to the file of a project by which it came in. */
function traceEscape(graph: ModuleGraph, module: Module, request: string): Escape {
  let at = module;
  let imported = request;
  while (at.resource?.includes('/node_modules/')) {
    const issuer = graph.getIssuer(at);
    if (!issuer?.resource) break;
    const by = issuer.dependencies.find((dependency) => graph.getModule(dependency) === at);
    imported = by?.request ?? imported;
    at = issuer;
  }
  return {
    file: at.resource ?? 'a pipeline',
    request: imported,
    reaches: imported === request ? null : request,
  };
}
