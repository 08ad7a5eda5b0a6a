import { access, chmod, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { cacheFolder, install, isInstalled, type Installation, type Report } from './cache';
import { findProgram, runCommand } from './command';
import { freePort, isListening } from './ports';
import { Processes } from './processes';
import { findNeeded, requirePrograms, type ProgramName } from './programs';
import { archiveClasses, idOfJava } from './sparkStart';
import { canDownloadTemporalCli, downloadTemporalCli } from './temporalDownload';

/** What an installer works with. `cache` is the folder of `cacheFolder(env)` unless a test says otherwise. */
export interface ToolContext {
  env: NodeJS.ProcessEnv;
  report: Report;
  cache?: string;
  /** Where the Temporal server is downloaded from; default Temporal's own site. */
  temporalDownloads?: string | undefined;
}

/** Livy's jars and the Spark that it drives. */
export interface LivyTools {
  java: string;
  /** Only where the user has set it: elsewhere Spark finds the same `java` on PATH. */
  javaHome: string | undefined;
  jars: string;
  sparkHome: string;
  python: string;
  /** The file with the classes of a quick start; none is there where this Java cannot make one. */
  classes: string;
}

export type ToolName = 'temporal' | 'temporalTestServer' | 's3Gateway' | 'livy' | 'spark' | 'awsTestTools';

interface Tool {
  title: string;
  /** The folder's name in the cache. */
  name: string;
  /** What the machine must bring to install it, and what to run it. */
  toInstall: ProgramName[];
  toRun: ProgramName[];
  /** A program of this name on PATH is taken as it is. */
  onPath?: string;
}

const TEMPORAL_VERSION = '1.5.1';

const TOOLS: Record<ToolName, Tool> = {
  temporal: {
    title: 'the Temporal server (`temporal` on PATH would do as well: https://docs.temporal.io/cli)',
    name: `temporal-${TEMPORAL_VERSION}`,
    toInstall: ['go'],
    toRun: [],
    onPath: 'temporal',
  },
  temporalTestServer: {
    title: "Temporal's time-skipping test server",
    name: 'temporal-test-server-1.38.0-2',
    toInstall: ['mvn', 'java'],
    toRun: ['java'],
  },
  s3Gateway: {
    title:
      'the S3 gateway (`versitygw` on PATH would do as well: https://github.com/versity/versitygw/releases)',
    name: 'versitygw-1.8.0',
    toInstall: ['go'],
    toRun: [],
    onPath: 'versitygw',
  },
  livy: { title: 'Livy', name: 'livy-0.7.1-incubating', toInstall: ['mvn', 'java'], toRun: ['java'] },
  spark: {
    title: 'Spark',
    name: 'pyspark-3.5.3',
    toInstall: ['python3', 'java'],
    toRun: ['python3', 'java'],
  },
  awsTestTools: {
    title: "moto, botocore's service models, cfn-lint and sqlglot, for the tests",
    name: 'aws-test-tools-1',
    toInstall: ['python3'],
    toRun: ['python3'],
  },
};

/** Another version is another folder: count the number in its name up. */
const AWS_TEST_TOOLS = [
  'moto[server]==5.2.5',
  'botocore==1.44.8',
  'boto3==1.44.8',
  'cfn-lint==1.58.0',
  'sqlglot==30.30.0',
];

/** Which tools can be had here: installed already, or installable with the programs that are present. */
export interface Probe {
  available: Record<ToolName, boolean>;
  programs: Record<ProgramName, boolean>;
  /** Whether Spark jobs can run here; if not, what is missing for them. */
  spark: boolean;
  missingForSpark: ProgramName[];
}

/** Looks only; installs nothing and takes well under a second. */
export async function probeTools({
  env,
  cache,
  temporalDownloads,
}: Omit<ToolContext, 'report'>): Promise<Probe> {
  const names = ['go', 'java', 'mvn', 'python3'] as const;
  const paths = await Promise.all(names.map((name) => findNeeded(name, env)));
  const programs = Object.fromEntries(names.map((name, index) => [name, paths[index] !== undefined]));
  const tools = Object.keys(TOOLS) as ToolName[];
  const missing = await Promise.all(
    tools.map(async (tool) =>
      (await listNeeds(tool, { env, cache: cache ?? cacheFolder(env), temporalDownloads })).filter(
        (name) => !programs[name],
      ),
    ),
  );
  const missingForSpark = new Set(
    tools.flatMap((tool, i) => (tool === 'livy' || tool === 'spark' ? missing[i] : [])),
  );
  return {
    available: Object.fromEntries(
      tools.map((tool, i) => [tool, missing[i]?.length === 0]),
    ) as Probe['available'],
    programs: programs as Probe['programs'],
    spark: missingForSpark.size === 0,
    missingForSpark: [...missingForSpark] as ProgramName[],
  };
}

/** Rejects with MissingTool, before anything long starts, when a program is missing that one of the tools needs. */
export async function checkTools(
  tools: ToolName[],
  { env, cache, temporalDownloads }: Omit<ToolContext, 'report'>,
): Promise<void> {
  const needs = await Promise.all(
    tools.map(async (tool) =>
      (await listNeeds(tool, { env, cache: cache ?? cacheFolder(env), temporalDownloads })).map(
        (program) => ({
          program,
          neededBy: TOOLS[tool].title,
        }),
      ),
    ),
  );
  await requirePrograms(needs.flat(), env);
}

async function listNeeds(
  name: ToolName,
  { env, cache, temporalDownloads }: Omit<ToolContext, 'report'> & { cache: string },
) {
  const tool = TOOLS[name];
  if (tool.onPath && (await findProgram(tool.onPath, env))) return [];
  if (await isInstalled(cache, tool.name)) return tool.toRun;
  // Go is asked for only where the download cannot be had.
  if (
    name === 'temporal' &&
    !(await findProgram('go', env)) &&
    (await canDownloadTemporalCli(TEMPORAL_VERSION, temporalDownloads))
  )
    return tool.toRun;
  return tool.toInstall;
}

/** The path of the `temporal` program: the one on PATH, else the download that Temporal's SDKs use, else built. */
export function ensureTemporal(context: ToolContext): Promise<string> {
  return ensureGoProgram('temporal', `github.com/temporalio/cli/cmd/temporal@v${TEMPORAL_VERSION}`, context);
}

/** Whether the download worked; where it cannot be reached the program is built from source. */
async function downloadTemporal(
  folder: string,
  { env, report, temporalDownloads }: ToolContext,
): Promise<boolean> {
  try {
    await downloadTemporalCli({ version: TEMPORAL_VERSION, folder, env, baseUrl: temporalDownloads });
    return true;
  } catch (error) {
    report(`temporal: no download (${(error as Error).message}), so Go builds it; that takes some minutes`);
    return false;
  }
}

/** The path of the `versitygw` program: the one on PATH, else its own. */
export function ensureS3Gateway(context: ToolContext): Promise<string> {
  return ensureGoProgram('s3Gateway', 'github.com/versity/versitygw/cmd/versitygw@v1.8.0', context);
}

/** Starts from archived classes where there are some, and ends with the process that has started it, however that ends. */
const TEST_SERVER = `#!/bin/sh
cd "$(dirname -- "$0")" || exit
parent=$PPID
(while kill -0 $$ && kill -0 "$parent"; do sleep 2; done; kill $$) </dev/null >/dev/null 2>&1 &
set -- -cp 'jars/*' io.temporal.testserver.TestServer "$@"
[ -f classes.jsa ] && set -- -XX:SharedArchiveFile=classes.jsa -Xlog:cds=off -Xlog:cds+dynamic=off "$@"
exec "\${JAVA_HOME:+$JAVA_HOME/bin/}java" -XX:TieredStopAtLevel=1 -XX:+UseSerialGC "$@"
`;

/** The path of a script that takes the test server's own arguments: `PORT --enable-time-skipping`. */
export async function ensureTemporalTestServer(context: ToolContext): Promise<string> {
  const script = 'temporal-test-server';
  const folder = await ensure('temporalTestServer', context, {
    build: async (partial) => {
      await copyFromMaven('io.temporal:temporal-test-server:1.38.0', partial, context);
      await writeFile(path.join(partial, script), TEST_SERVER);
      await chmod(path.join(partial, script), 0o755);
    },
    verify: async (partial) => {
      const file = path.join(partial, script);
      const archiving = `-XX:ArchiveClassesAtExit=${path.join(partial, 'classes.jsa')}`;
      const { JAVA_TOOL_OPTIONS = '' } = context.env;
      const env = { ...context.env, JAVA_TOOL_OPTIONS: `${JAVA_TOOL_OPTIONS} ${archiving}`.trim() };
      // An older Java knows no archive of classes.
      await tryTestServer(file, partial, env).catch(() => tryTestServer(file, partial, context.env));
    },
  });
  return path.join(folder, script);
}

/** Livy's jars. Its server is started with `startLivy`. */
export async function ensureLivy(context: ToolContext): Promise<{ java: string; jars: string }> {
  const { java } = await requirePrograms([{ program: 'java', neededBy: TOOLS.livy.title }], context.env);
  const folder = await ensure('livy', context, {
    build: (partial) => copyFromMaven('org.apache.livy:livy-server:0.7.1-incubating', partial, context),
    verify: async (partial) => {
      const classpath = path.join(partial, 'jars', '*');
      const args = ['--dry-run', '-cp', classpath, 'org.apache.livy.server.LivyServer'];
      await runCommand({ command: java as string, args, env: context.env });
    },
  });
  return { java: java as string, jars: path.join(folder, 'jars') };
}

/** Spark, as the Python package brings it, in a virtual environment of its own. */
export async function ensureSpark(
  context: ToolContext,
): Promise<Pick<LivyTools, 'sparkHome' | 'python' | 'classes'>> {
  const env = withoutPython(context.env);
  const folder = await ensure('spark', context, {
    build: (partial) => installFromPyPI(['pyspark==3.5.3'], partial, TOOLS.spark.title, env),
    verify: async (partial) => {
      const sparkHome = await findSparkHome(partial);
      await runCommand({ command: pythonIn(partial), args: ['-c', 'import pyspark'], env });
      const args = ['--version'];
      await runCommand({
        command: path.join(sparkHome, 'bin', 'spark-submit'),
        args,
        env: { ...env, SPARK_HOME: sparkHome },
      });
    },
  });
  const spark = { sparkHome: await findSparkHome(folder), python: pythonIn(folder) };
  return { ...spark, classes: await ensureSparkClasses(spark, { ...context, env }) };
}

async function ensureSparkClasses(
  spark: { sparkHome: string; python: string },
  { env, cache = cacheFolder(env), report }: ToolContext,
): Promise<string> {
  const needed = [{ program: 'java' as const, neededBy: TOOLS.spark.title }];
  const { java } = await requirePrograms(needed, env);
  const file = 'classes.jsa';
  const folder = await install(
    {
      name: `${TOOLS.spark.name}-classes-${await idOfJava(java!)}`,
      build: (partial) =>
        archiveClasses({ ...spark, javaHome: homeOf(java!, env) }, path.join(partial, file), env).catch(
          (error: Error) => report(`Spark starts without shared classes: ${error.message}`),
        ),
      verify: () => Promise.resolve(),
    },
    { cache, report },
  );
  return path.join(folder, file);
}

/** What the tests of AWS resources need: a Python with moto and the like, and the folder of botocore's service models. */
export async function ensureAwsTestTools(
  context: ToolContext,
): Promise<{ python: string; serviceModels: string }> {
  const env = withoutPython(context.env);
  const folder = await ensure('awsTestTools', context, {
    build: (partial) => installFromPyPI(AWS_TEST_TOOLS, partial, TOOLS.awsTestTools.title, env),
    verify: async (partial) => {
      await runCommand({
        command: pythonIn(partial),
        args: ['-c', 'import moto.server, cfnlint, sqlglot'],
        env,
      });
    },
  });
  return {
    python: pythonIn(folder),
    serviceModels: path.join(await findSitePackages(folder), 'botocore', 'data'),
  };
}

/** Packages of PyPI in an environment of their own, kept in the cache. */
export interface PythonPackages {
  /** The folder's name in the cache, with the version: other packages are another folder. */
  name: string;
  /** What a person is told that they are for. */
  title: string;
  /** For pip, each with its version: `pysam==0.24.1`. */
  packages: string[];
  /** Whether what they depend on is installed as well; default true. */
  dependencies?: boolean;
  /** A module that can be imported when all is well. */
  imports?: string;
}

/**
 * Installs the packages on first use, and returns the Python that has them with the folder in which they lie.
 * @throws SluiceError MissingTool without Python
 */
export async function ensurePythonPackages(
  { name, title, packages, dependencies = true, imports }: PythonPackages,
  context: Pick<ToolContext, 'env' | 'report' | 'cache'>,
): Promise<{ python: string; sitePackages: string }> {
  const env = withoutPython(context.env);
  const options = dependencies ? [] : ['--no-deps'];
  const cache = context.cache ?? cacheFolder(context.env);
  const folder = await install(
    {
      name,
      build: (partial) => installFromPyPI([...options, ...packages], partial, title, env),
      verify: async (partial) => {
        const args = ['-c', imports === undefined ? '' : `import ${imports}`];
        await runCommand({ command: pythonIn(partial), args, env });
      },
    },
    { cache, report: context.report },
  );
  return { python: pythonIn(folder), sitePackages: await findSitePackages(folder) };
}

/** Jars of Maven's, for a service of a project. */
export interface Jars {
  /** What they are, for people: `Hadoop's mini cluster`. */
  title: string;
  /** `group:artifact:version`. */
  coordinates: string;
}

/**
 * The folder with the jars of an artifact and of all that it needs at run time, and the `java` to run them with. They are
 * copied into the cache by the first call; another version is another folder.
 * @throws SluiceError MissingTool where Java is missing, or Maven while they are not there yet
 */
export async function ensureJars(
  { title, coordinates }: Jars,
  context: ToolContext,
): Promise<{ java: string; jars: string }> {
  const [, artifact, version] = coordinates.split(':');
  const name = `${artifact}-${version}`;
  const cache = context.cache ?? cacheFolder(context.env);
  const needed: ProgramName[] = (await isInstalled(cache, name)) ? ['java'] : ['java', 'mvn'];
  const { java } = await requirePrograms(
    needed.map((program) => ({ program, neededBy: title })),
    context.env,
  );
  const folder = await install(
    {
      name,
      build: (partial) => copyFromMaven(coordinates, partial, context),
      verify: (partial) => access(path.join(partial, 'jars')),
    },
    { cache, report: context.report },
  );
  return { java: java as string, jars: path.join(folder, 'jars') };
}

async function installFromPyPI(
  packages: string[],
  folder: string,
  neededBy: string,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const { python3 } = await requirePrograms([{ program: 'python3', neededBy }], env);
  const pip = [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--no-input',
    '--no-cache-dir',
    '--disable-pip-version-check',
  ];
  await runCommand({ command: python3 as string, args: ['-m', 'venv', folder], env });
  await runCommand({ command: pythonIn(folder), args: [...pip, ...packages], env });
}

/** Livy and Spark, installed beside each other. */
export async function ensureLivyAndSpark(context: ToolContext): Promise<LivyTools> {
  await checkTools(['livy', 'spark'], context);
  const [livy, spark] = await Promise.all([ensureLivy(context), ensureSpark(context)]);
  return { ...livy, ...spark, javaHome: homeOf(livy.java, context.env) };
}

async function ensureGoProgram(tool: 'temporal' | 's3Gateway', module: string, context: ToolContext) {
  const program = TOOLS[tool].onPath as string;
  const present = await findProgram(program, context.env);
  if (present) return present;
  const inFolder = (folder: string) => path.join(folder, 'bin', program);
  const folder = await ensure(tool, context, {
    build: async (partial) => {
      if (tool === 'temporal' && (await downloadTemporal(path.join(partial, 'bin'), context))) return;
      await requirePrograms([{ program: 'go', neededBy: TOOLS[tool].title }], context.env);
      const caches = path.join(partial, '.go');
      // A GOOS or GOARCH of the user's would build for another machine, and `go install` then refuses GOBIN.
      const settings = { GOOS: undefined, GOARCH: undefined, GOFLAGS: '-modcacherw', GOWORK: 'off' };
      const folders = { GOMODCACHE: path.join(caches, 'mod'), GOCACHE: path.join(caches, 'build') };
      const env = { ...context.env, ...settings, ...folders, GOBIN: path.join(partial, 'bin') };
      await runCommand({ command: 'go', args: ['install', module], env, cwd: partial });
      await rm(caches, { recursive: true, force: true, maxRetries: 3 });
    },
    verify: async (partial) => {
      await runCommand({ command: inFolder(partial), args: ['--version'], env: context.env });
    },
  });
  return inFolder(folder);
}

async function ensure(
  tool: ToolName,
  context: ToolContext,
  steps: Omit<Installation, 'name'>,
): Promise<string> {
  const cache = context.cache ?? cacheFolder(context.env);
  const { name } = TOOLS[tool];
  if (!(await isInstalled(cache, name))) await checkTools([tool], context);
  return install({ name, ...steps }, { cache, report: context.report });
}

/** Copies an artifact and all that it needs at run time into `jars`. */
async function copyFromMaven(coordinates: string, folder: string, { env }: ToolContext): Promise<void> {
  const [group, artifact, version] = coordinates.split(':');
  const pom = path.join(folder, 'pom.xml');
  await writeFile(
    pom,
    `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>sluice.local</groupId>
  <artifactId>${artifact}-copy</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>
  </dependencies>
</project>
`,
  );
  const jars = path.join(folder, 'jars');
  const repository = path.join(folder, '.m2');
  const options = [
    '-DincludeScope=runtime',
    `-DoutputDirectory=${jars}`,
    // Nothing is left outside the cache folder.
    `-Dmaven.repo.local=${repository}`,
  ];
  const goal = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies';
  await runCommand({ command: 'mvn', args: ['-q', '-B', '-f', pom, goal, ...options], env, cwd: folder });
  await rm(repository, { recursive: true, force: true, maxRetries: 3 });
}

async function tryTestServer(script: string, folder: string, env: NodeJS.ProcessEnv): Promise<void> {
  const port = await freePort();
  const processes = new Processes();
  try {
    await processes.start({
      name: 'temporal-test-server',
      command: script,
      args: [String(port), '--enable-time-skipping'],
      env,
      logs: folder,
      ready: { check: () => isListening(port) },
    });
  } finally {
    await processes.stop();
  }
}

async function findSparkHome(venv: string): Promise<string> {
  return path.join(await findSitePackages(venv), 'pyspark');
}

async function findSitePackages(venv: string): Promise<string> {
  const versions = (await readdir(path.join(venv, 'lib'))).filter((entry) => entry.startsWith('python'));
  return path.join(venv, 'lib', versions[0] ?? 'python3', 'site-packages');
}

function pythonIn(venv: string): string {
  return path.join(venv, 'bin', 'python3');
}

function homeOf(java: string, env: NodeJS.ProcessEnv): string | undefined {
  return env.JAVA_HOME && java.startsWith(env.JAVA_HOME) ? env.JAVA_HOME : undefined;
}

function withoutPython(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const own = /^(PYTHONPATH|PYTHONHOME|VIRTUAL_ENV|SPARK_.*|PYSPARK_.*|PIP_TARGET|PIP_PREFIX|PIP_USER)$/;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !own.test(name)));
}
