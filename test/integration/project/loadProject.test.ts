/** Projects as the built command line finds and reads them. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { useCommandLines } from '../../support/cli';

const sluice = useCommandLines();
let root: string;

beforeEach(() => {
  // A folder whose name a URL would encode.
  root = mkdtempSync(path.join(tmpdir(), 'sluice project %20 é-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(root, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}

const pipeline = (name: string) =>
  `import { definePipeline, field } from 'sluice/workflow';
export const one: ReturnType<typeof definePipeline> = definePipeline({ name: '${name}', about: 'x' }, async () => null);`;
const CONFIG = `import { defineConfig } from 'sluice';\nexport default defineConfig({});`;

async function listNames(cwd = root, args: string[] = []): Promise<string[]> {
  const { stdout, stderr } = await sluice(['pipelines', '--json', ...args], { cwd });
  if (stdout === '') throw new Error(stderr);
  return (JSON.parse(stdout) as { name: string }[]).map(({ name }) => name);
}

/** The message of a command in the project that is to fail by a mistake of its user. */
async function failure(args: string[] = []): Promise<string> {
  const { code, stderr } = await sluice(['pipelines', ...args], { cwd: root });
  expect(code).toBe(2);
  expect(stderr).not.toMatch(/\n {4}at /);
  return stderr;
}

test('outside of a project the pipelines are those that ship', async () => {
  expect(await listNames()).toEqual(['main', 'marketing-and-sales', 'rate-codes', 'job']);
});

test.each([
  ['an ES module in TypeScript', 'module', 'sluice.config.ts', CONFIG],
  ['CommonJS in TypeScript', 'commonjs', 'sluice.config.ts', CONFIG],
  ['an ES module in JavaScript', 'commonjs', 'sluice.config.mjs', CONFIG],
  [
    'CommonJS in JavaScript',
    'module',
    'sluice.config.cjs',
    `const { defineConfig } = require('sluice');\nmodule.exports = defineConfig({});`,
  ],
])('a config is %s', async (_, type, file, text) => {
  write({
    'package.json': JSON.stringify({ type }),
    [file]: text,
    'src/pipelines/nightly.ts': pipeline('nightly'),
  });
  expect(await listNames()).toEqual(['nightly', 'job']);
});

test('the nearest config is taken, from the current folder upwards, unless --config names another', async () => {
  write({
    'sluice.config.ts': CONFIG,
    'src/pipelines/outer.ts': pipeline('outer'),
    'inner/sluice.config.ts': CONFIG,
    'inner/src/pipelines/inner.ts': pipeline('inner'),
  });
  expect(await listNames(path.join(root, 'src'))).toEqual(['outer', 'job']);
  expect(await listNames(path.join(root, 'inner', 'src'))).toEqual(['inner', 'job']);
  expect(await listNames(path.join(root, 'inner'), ['--config', '../sluice.config.ts'])).toEqual([
    'outer',
    'job',
  ]);
});

test('pipelines are values, files, folders and globs, each once; what begins with "_" and tests are left out', async () => {
  write({
    'sluice.config.ts': `import { defineConfig } from 'sluice';
import { one } from './a';
export default defineConfig({ pipelines: [one, 'lib', 'more/**/*.ts', 'a.ts'] });`,
    'a.ts': pipeline('a'),
    'lib/b.ts': pipeline('b'),
    'lib/_shared.ts': 'export const n = 1;',
    'lib/b.test.ts': 'throw new Error("no module of the project");',
    'more/deep/c.ts': pipeline('c'),
  });
  expect(await listNames()).toEqual(['a', 'b', 'c', 'job']);
});

test('a project is made of projects, whose paths are relative to their own folders', async () => {
  write({
    'sluice.config.ts': `import { defineConfig } from 'sluice';
import part from './part/sluice.config';
export default defineConfig({ projects: [part] });`,
    'part/sluice.config.ts': CONFIG,
    'part/src/pipelines/a.ts': pipeline('of-part'),
  });
  expect(await listNames()).toEqual(['of-part', 'job']);
});

const config = (fields: string) =>
  `import { defineConfig } from 'sluice';\nexport default defineConfig({ ${fields} } as never);`;

test('wrong members are told all at once, each with file, field, value and cure', async () => {
  const fields = [
    'pipelines: [{}]',
    'pipeline: []',
    'tasks: [1]',
    'runners: [{ resource: "a:b" }]',
    'jobs: 5',
    'glueJobs: { a: "a.py" }',
    'crawlers: { a: { database: "d", targets: [] } }',
    'limits: { warehouse: 0, "two words": 2 }',
    'services: [{ name: "A b", command: [], port: 0, ready: "soon", env: 1 }, { name: "a", command: ["x"], ready: "port" }]',
    'projects: [{}]',
    'taskQueue: ""',
  ];
  write({ 'sluice.config.ts': config(fields.join(', ')) });
  const message = await failure();
  for (const line of [
    'pipelines[0]: {} is wrong; give pipelines (what definePipeline gives)',
    'pipeline: unknown; did you mean "pipelines"?',
    'tasks[0]: 1 is wrong; give tasks (what defineTask gives)',
    'runners[0]: {"resource":"a:b"} is wrong; give runners',
    'jobs: 5 is no list; give folders',
    'glueJobs["a"]: "a.py" is wrong; give { script',
    'crawlers["a"]: {"database":"d","targets":[]} is wrong; give { database',
    'limits["warehouse"]: 0 is wrong; give whole numbers above zero by name',
    'limits: "two words" is no name of a pool',
    'services[0].name: "A b" is no name',
    'services[0].command: [] is no command',
    'services[0].port: 0 is no port',
    'services[0].ready: "soon" is no check',
    'services[0].env: 1 is no function',
    'services[1].ready: "port" is no check',
    'projects[0]: {} is no project; import the default export',
    'taskQueue: "" is no name',
  ])
    expect(message).toContain(`sluice.config.ts: ${line}`);
});

test.each([
  ['pipelines: "nowhere"', /pipelines: "nowhere" fits no file\. Name the folder or files/],
  ['jobs: "nowhere"', /jobs: "nowhere" is no folder\. Create .*nowhere, or name another/],
  [
    'limits: { "glue:startJobRn": 2 }',
    /limits: "glue:startJobRn" is no resource; did you mean "glue:startJobRun"\?/,
  ],
])('a folder or resource that is not there is told: %s', async (fields, expected) => {
  write({ 'sluice.config.ts': config(fields) });
  expect(await failure()).toMatch(expected);
});

test('two pipelines of one name are told with both files', async () => {
  write({
    'sluice.config.ts': CONFIG,
    'src/pipelines/a.ts': pipeline('same'),
    'src/pipelines/b.ts': pipeline('same'),
  });
  expect(await failure()).toMatch(
    /InvalidPipeline: Two pipelines are called "same", in .*a\.ts and .*b\.ts; give one/,
  );
});

test('a default that its field does not take is told with pipeline, field, value and cure', async () => {
  const text = pipeline('a').replace(
    "about: 'x'",
    "about: 'x', input: { d: field.duration({ default: 'soon' }) }",
  );
  write({ 'sluice.config.ts': CONFIG, 'src/pipelines/a.ts': text });
  expect(await failure()).toMatch(
    /InvalidPipeline: .*a\.ts: the input of a is wrong:\n {2}d: the default is "soon"; give a duration/,
  );
});

test.each(['job', 'jobs', 'arrivals'])('the name %s is the engine’s own', async (name) => {
  write({ 'sluice.config.ts': CONFIG, 'src/pipelines/a.ts': pipeline(name) });
  expect(await failure()).toMatch(new RegExp(`a\\.ts: the name "${name}" is Sluice's own`));
});

test('a file without a pipeline is told', async () => {
  write({ 'sluice.config.ts': CONFIG, 'src/pipelines/a.ts': 'export const n = 1;' });
  expect(await failure()).toMatch(
    /a\.ts: no export is made by definePipeline; export what definePipeline gives/,
  );
});

test.each([
  ['that throws', `throw new Error('no luck');`, /cannot be loaded: no luck \(.*sluice\.config\.ts:1:\d+\)/],
  [
    'that does not compile',
    `export default {\n  a: 1\n  b: 2 };`,
    /cannot be loaded: .*sluice\.config\.ts:3:2/,
  ],
  [
    'whose import is missing',
    `import { a } from 'no-such-package'; export default a;`,
    /cannot be loaded: Cannot find/,
  ],
  [
    'without a default export',
    `export const a = 1;`,
    /its default export is no config\. Write: export default/,
  ],
])('a config %s is told without a stack trace', async (_, text, expected) => {
  write({ 'sluice.config.ts': text });
  expect(await failure()).toMatch(expected);
});

test('--config for a file that is not there, and two configs in one folder, are told', async () => {
  expect(await failure(['--config', 'nope.ts'])).toMatch(/--config nope\.ts: there is no such file/);
  write({ 'sluice.config.ts': CONFIG, 'sluice.config.js': CONFIG });
  expect(await failure()).toMatch(/has both sluice\.config\.ts and sluice\.config\.js; remove one/);
});
