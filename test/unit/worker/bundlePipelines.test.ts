import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { FAILURE_CONVERTER } from '../../../src/setup/payloadCodec';
import { bundlePipelines } from '../../../src/worker/bundlePipelines';

const ROOT = join(__dirname, '..', '..', '..');
let project: string;
let cacheFolder: string;

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'sluice-project-'));
  cacheFolder = join(project, 'cache');
  // As npm links a folder: `sluice` is this checkout.
  await mkdir(join(project, 'node_modules'));
  await symlink(ROOT, join(project, 'node_modules', 'sluice'));
});

afterAll(() => rm(project, { recursive: true, force: true }));

async function write(files: Record<string, string>): Promise<string[]> {
  const paths = Object.keys(files).map((name) => join(project, name));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(project, name)), { recursive: true });
    await writeFile(join(project, name), text);
  }
  return paths;
}

const pipeline = (name: string, before = '') => `
import { definePipeline } from 'sluice/workflow';
${before}
export const it = definePipeline({ name: '${name}', about: 'x' }, (run) => Promise.resolve(run.since));
`;

/** The message of the bundle that fails. */
async function problemOf(files: string[]): Promise<string> {
  return bundlePipelines({ files, cacheFolder }).then(
    () => 'it was bundled',
    (error: { code?: string; message: string }) => `${error.code}: ${error.message}`,
  );
}

test('pipelines of TypeScript and JavaScript, of both kinds of module, are bundled with the engine once', async () => {
  const files = await write({
    'ts/package.json': '{ "type": "module" }',
    'ts/a.ts': `import { helper } from './helper.js';\n${pipeline('typed')}\nexport const b: string = helper();`,
    'ts/helper.ts': 'export const helper = (): string => "helped";',
    'ts/b.mts': pipeline('module'),
    'js/esm.mjs': pipeline('javascript'),
    'js/common.cjs': `const { definePipeline } = require('sluice/workflow');
      exports.it = definePipeline({ name: 'common', about: 'x' }, async () => 1);`,
  });
  const { code } = await bundlePipelines({
    files: files.filter((file) => /\.(m?[jt]s|cjs)$/.test(file) && !file.endsWith('helper.ts')),
    cacheFolder,
  });
  for (const name of ['typed', 'module', 'javascript', 'common', 'helped']) expect(code).toContain(name);
  // The path of a module is its key in the bundle.
  const modulesOf = (path: string) =>
    [...code.matchAll(/^\/\*{3}\/ "([^"]+)"$/gm)].filter(([, key]) => key!.endsWith(path));
  expect(modulesOf('workflows/steps/runPipeline.ts')).toHaveLength(1);
  expect(modulesOf('@temporalio/workflow/lib/workflow.js')).toHaveLength(1);
});

test('what leaves the sandbox is named with its file, and what to do instead', async () => {
  const files = await write({
    'bad/node.ts': pipeline('reads', "import { readFileSync } from 'node:fs';\nreadFileSync('x');"),
    'bad/aws.ts': pipeline('asks', "import { S3Client } from '@aws-sdk/client-s3';\nnew S3Client({});"),
    'bad/door.ts': pipeline('opens', "import { readConfig } from 'sluice';\nreadConfig();"),
  });
  const [code, ...lines] = (await problemOf(files)).split('\n');
  expect(code).toMatch(/^InvalidPipeline: /);
  expect(lines.slice(0, 3).map((line) => line.replace(/^.*\/bad/, 'bad'))).toEqual([
    'bad/aws.ts imports @aws-sdk/client-s3',
    'bad/door.ts imports sluice; a pipeline imports sluice/workflow instead',
    'bad/node.ts imports node:fs',
  ]);
  expect(lines[3]).toMatch(/^Move that work into a task .*"import type"/);
});

test('what a package of the project needs from Node is told by the import that brought it in', async () => {
  const [file] = await write({
    'deep/a.ts': pipeline('deep', "import { read } from 'outer';\nread();"),
    'node_modules/outer/index.js': "exports.read = require('inner').read;",
    'node_modules/inner/index.js': "exports.read = () => require('fs').readFileSync('x');",
  });
  expect(await problemOf([file!])).toMatch(/deep\/a\.ts imports outer, which needs fs\n/);
});

test('an import of types alone stays in the sandbox', async () => {
  const files = await write({
    'types/a.ts': pipeline(
      'typesOnly',
      "import type { S3Client } from '@aws-sdk/client-s3';\nexport type A = S3Client;",
    ),
  });
  expect(await problemOf(files)).toBe('it was bundled');
});

test('a file that does not compile, or imports what is not there, is named with its line', async () => {
  const files = await write({
    'broken/syntax.ts': 'export const a = ;\n',
    'broken/missing.ts': pipeline('missing', "import { a } from './nowhere.js';\na();"),
  });
  const [syntax, missing, none] = [
    await problemOf([files[0]!]),
    await problemOf([files[1]!]),
    await problemOf([join(project, 'none.ts')]),
  ];
  expect(syntax).toMatch(/^InvalidPipeline: \S*broken\/syntax\.ts/);
  expect(syntax).toContain('Expression expected');
  expect(missing).toMatch(/broken\/missing\.ts:\d+:\d+-\d+: .*nowhere\.js/);
  expect(none).toMatch(/^InvalidPipeline: No such file: \S+none\.ts/);
});

test('a changed file is bundled anew, whatever was kept of it', async () => {
  const code = async (text: string) =>
    (await bundlePipelines({ files: await write({ 'changing.ts': pipeline(text) }), cacheFolder })).code;
  expect(await code('before')).toContain("name: 'before'");
  const after = await code('after');
  expect(after).toContain("name: 'after'");
  expect(after).not.toContain("name: 'before'");
});

test('failures are encrypted in a bundle that is made after one in which they are not, in the same folder', async () => {
  const files = await write({ 'keys/a.ts': pipeline('keys') });
  const bundled = async (options = {}) => (await bundlePipelines({ files, cacheFolder, ...options })).code;
  const plain = await bundled();
  const encrypted = await bundled({ failureConverter: FAILURE_CONVERTER });
  expect(plain).not.toContain('encodeCommonAttributes: true');
  expect(encrypted).toContain('encodeCommonAttributes: true');
  expect(await bundled()).toBe(plain);
});

describe('a bundle that is kept', () => {
  /** No bundles yet, and what webpack has read before. */
  async function emptyFolder(name: string): Promise<string> {
    const folder = join(cacheFolder, name);
    await cp(join(cacheFolder, 'webpack'), join(folder, 'webpack'), { recursive: true });
    return folder;
  }

  /** As if they had been saved an hour ago: of what was saved just now it is not known whether webpack has read it. */
  const settle = (files: string[]) =>
    Promise.all(files.map((file) => utimes(file, new Date(), new Date(Date.now() - 3_600_000))));

  /** Marks the bundles that are kept, so that one that is used again is known. */
  async function markKept(folder: string): Promise<number> {
    const kept = (await readdir(folder)).filter((name) => /^bundle-.*\.json$/.test(name));
    for (const name of kept) {
      const { code, ...rest } = JSON.parse(await readFile(join(folder, name), 'utf8')) as { code: string };
      await writeFile(join(folder, name), JSON.stringify({ ...rest, code: `${code}// used again` }));
    }
    return kept.length;
  }

  test('is used again until a file of it changes, goes, or has another come before it', async () => {
    const folder = await emptyFolder('kept');
    const files = await write({
      'kept/a.ts': pipeline('kept', "import { helper } from './helper';\nhelper();"),
      'kept/helper.js': 'exports.helper = () => "first";',
    });
    const [entry, helper] = files as [string, string];
    const bundle = async () => (await bundlePipelines({ files: [entry], cacheFolder: folder })).code;
    await settle(files);
    expect(await bundle()).toContain('first');
    expect(await markKept(folder)).toBe(1);
    expect((await bundle()).slice(-100)).toContain('used again');

    await writeFile(helper, 'exports.helper = () => "second";');
    await settle([helper]);
    expect(await bundle()).toContain('second');
    await markKept(folder);
    expect((await bundle()).slice(-100)).toContain('used again');

    const before = await write({ 'kept/helper.ts': 'export const helper = () => "third";' });
    await settle(before);
    expect(await bundle()).toContain('third');
    await markKept(folder);

    await rm(before[0]!);
    expect(await bundle()).toContain('second');
    await rm(helper);
    await expect(bundle()).rejects.toThrow('./helper');
  });

  test('has no file that was saved while it was made', async () => {
    const folder = await emptyFolder('unsettled');
    const files = await write({ 'unsettled/a.ts': pipeline('unsettled') });
    await bundlePipelines({ files, cacheFolder: folder });
    expect(await markKept(folder)).toBe(0);
  });

  test('that cannot be read is made anew', async () => {
    const folder = await emptyFolder('torn');
    const files = await write({ 'torn/a.ts': pipeline('torn') });
    await settle(files);
    const { code } = await bundlePipelines({ files, cacheFolder: folder });
    const [name] = (await readdir(folder)).filter((each) => each.startsWith('bundle-'));
    await writeFile(join(folder, name!), code.slice(0, 1000));
    expect((await bundlePipelines({ files, cacheFolder: folder })).code).toBe(code);
  });
});
