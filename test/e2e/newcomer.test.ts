/** All that somebody does who has never seen Sluice: from the packed file to a project with tasks and runners of its own. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { cacheFolder, type StackInfo } from '../../src/local';
import { ownEnvironment, type CliResult } from '../support/cli';
import { eventually } from '../support/eventually';
import { portOffset } from '../support/portOffset';

const run = promisify(execFile);
const ROOT = path.join(__dirname, '..', '..');
const PORT_OFFSET = portOffset();

let folder: string;
let etl: string;
let dev: ChildProcess;
let info: StackInfo;
/** What `dev` has said so far. */
let said = '';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'sluice-newcomer-'));
  etl = path.join(folder, 'etl');
});

afterAll(async () => {
  if (dev?.exitCode === null) {
    dev.kill('SIGTERM');
    await new Promise((resolve) => dev.once('exit', resolve));
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

/** What `npm ci` of this checkout has fetched is not fetched again. */
const NPM_SETTINGS = {
  npm_config_cache: path.join(cacheFolder(process.env), 'npm'),
  npm_config_prefer_offline: 'true',
  npm_config_audit: 'false',
};

async function npm(args: string[], cwd: string): Promise<string> {
  const { stdout } = await run('npm', args, { cwd, env: { ...ownEnvironment(), ...NPM_SETTINGS } });
  return stdout;
}

/**
 * Puts there what `npm ci` of this checkout has unpacked: npm takes from it what the packed file depends on, by name and
 * version, and removes the rest. Where files cannot be linked, npm unpacks all of it.
 */
async function offerPackages(present: string): Promise<void> {
  const unpacked = path.join(ROOT, 'node_modules');
  // Without this checkout's own, and what is kept there that is no package.
  const packages = readdirSync(unpacked).filter((name) => !/^(sluice|\.(?!bin$|package-lock))/.test(name));
  mkdirSync(present);
  await run('cp', ['-al', ...packages, present], { cwd: unpacked }).catch(() =>
    rmSync(present, { recursive: true }),
  );
}

/** Runs `npx sluice` in the project. */
function sluice(args: string[], env: NodeJS.ProcessEnv = {}): Promise<CliResult> {
  const program = path.join(etl, 'node_modules', '.bin', 'sluice');
  return new Promise((resolve) => {
    execFile(program, args, { cwd: etl, env: { ...ownEnvironment(), ...env } }, (error, stdout, stderr) =>
      resolve({ code: error ? (error.code as number) : 0, stdout, stderr }),
    );
  });
}

async function json<T>(args: string[]): Promise<T> {
  const { stdout, stderr } = await sluice([...args, '--json']);
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as T;
}

interface Ended {
  id: string;
  state: string;
  result: Record<string, unknown>;
  measures: Record<string, number>;
}

const edit = (file: string, change: (text: string) => string) =>
  writeFileSync(path.join(etl, file), change(readFileSync(path.join(etl, file), 'utf8')));

/** Saves a change and waits until `dev` says what it came to; gives how long that took. */
async function save(change: () => void, expected: RegExp): Promise<number> {
  const before = said.length;
  const beganMs = performance.now();
  change();
  await eventually(
    () => said.slice(before),
    (text) => expected.test(text),
  );
  return performance.now() - beganMs;
}

/** Starts a run of hello under this id that waits for a file in a folder of the same name. */
async function startWaiting(id: string): Promise<string> {
  await json(['start', 'hello', '-p', `lake=s3://lake/${id}`, '--id', id]);
  await eventually(
    () => json<{ waitingFor: string[] }>(['status', id]),
    ({ waitingFor }) => waitingFor.length > 0,
    { pauseMs: 500 },
  );
  return id;
}

const report = () => readFileSync(path.join(etl, '.sluice/s3/lake/report/part-00000.csv'), 'utf8');

test('the packed file holds what a user needs, and its types resolve', async () => {
  await npm(['pack', '--pack-destination', folder], ROOT);
  const packed = path.join(folder, 'sluice-0.1.0.tgz');
  const { stdout } = await run('tar', ['tzf', packed]);
  const files = stdout
    .trim()
    .split('\n')
    .map((file) => file.replace('package/', ''));
  for (const needed of [
    'dist/src/client.js',
    'dist/src/testing.d.ts',
    'dist/workflow-bundle.js',
    'LICENSE',
    'README.md',
  ])
    expect(files).toContain(needed);
  const others = files.filter(
    (file) =>
      !/^(dist\/(src|samples)\/.*\.(js|d\.ts)|dist\/workflow-bundle\.js|docs\/|jobs\/|templates\/|[^/]+$)/.test(
        file,
      ),
  );
  expect(others).toEqual([]);
  const attw = path.join(ROOT, 'node_modules', '.bin', 'attw');
  await run(attw, [packed, '--profile', 'node16', '--no-color']);
});

test('init writes a project, and npm install finds Sluice where it came from', async () => {
  const tools = path.join(folder, 'tools');
  mkdirSync(tools);
  writeFileSync(path.join(tools, 'package.json'), '{}');
  await offerPackages(path.join(tools, 'node_modules'));
  await npm(['install', path.join(folder, 'sluice-0.1.0.tgz')], tools);
  await run(path.join(tools, 'node_modules', '.bin', 'sluice'), ['init', etl], { env: ownEnvironment() });
  // What Sluice depends on is taken from there; Sluice itself and the tools are found and installed.
  const present = path.join(etl, 'node_modules');
  renameSync(path.join(tools, 'node_modules'), present);
  for (const name of ['sluice', '.bin', '.package-lock.json'])
    rmSync(path.join(present, name), { recursive: true });
  await npm(['install'], etl);
  expect(await json<{ name: string }[]>(['pipelines'])).toMatchObject([{ name: 'hello' }, { name: 'job' }]);
});

test('ES modules and CommonJS, resolved as Node does and as bundlers do, compile against it', async () => {
  const consumer = path.join(etl, 'consumer');
  mkdirSync(consumer);
  const code = `import { readConfig, SluiceError, type Config } from 'sluice';
import { definePipeline, field } from 'sluice/workflow';
import { createTestStack } from 'sluice/testing';
export const config: Config = readConfig();
export const error: Error = new SluiceError('BadData', 'x');
export const one = definePipeline({ name: 'one', about: 'x', input: { n: field.integer() } }, async (_, { n }) => n + 1);
export const stack = () => createTestStack({ pipelines: [one] });
`;
  writeFileSync(path.join(consumer, 'esm.mts'), code);
  writeFileSync(path.join(consumer, 'commonjs.cts'), code);
  const compiler = path.join(etl, 'node_modules', 'typescript', 'bin', 'tsc');
  const common = [
    '--ignoreConfig',
    '--noEmit',
    '--strict',
    '--target',
    'es2022',
    '--types',
    'node',
    '--skipLibCheck',
  ];
  const files = ['consumer/esm.mts', 'consumer/commonjs.cts'];
  for (const settings of [
    ['--module', 'nodenext'],
    ['--module', 'esnext', '--moduleResolution', 'bundler'],
  ]) {
    const resolved = settings.includes('bundler') ? files.slice(0, 1) : files;
    await run(process.execPath, [compiler, ...common, ...settings, ...resolved], { cwd: etl });
  }
  rmSync(consumer, { recursive: true });
});

test('dev starts the stack, and hello takes the file that init has put there', async () => {
  const program = path.join(etl, 'node_modules', '.bin', 'sluice');
  dev = spawn(program, ['dev', '--json', '--no-spark', '--port-offset', String(PORT_OFFSET)], {
    cwd: etl,
    env: ownEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  dev.stderr!.on('data', (chunk: Buffer) => (said += chunk.toString()));
  info = JSON.parse(
    await new Promise<string>((resolve, reject) => {
      createInterface({ input: dev.stdout! }).once('line', resolve);
      dev.once('exit', () => reject(new Error(said)));
    }),
  ) as StackInfo;
  const ended = await json<Ended>(['start', 'hello', '--wait']);
  expect(ended).toMatchObject({
    state: 'completed',
    result: { file: 's3://lake/inbox/people.csv', report: 's3://lake/report' },
  });
  expect((await json<Ended>(['status', ended.id])).measures).toMatchObject({
    ...{ rowsRead: 3, rowsRejected: 0, valuesUnread: 0, rowsWritten: 1 },
  });
  expect(report()).toBe('rows\n3\n');
});

test('a saved file is in force, and runs that wait go on with it', async () => {
  const waiting = await startWaiting('later');
  const tookMs = await save(
    () => edit('src/pipelines/hello.ts', (text) => text.replace('count(*) AS rows', 'count(*) AS people')),
    /Reloaded in .*: hello, job/,
  );
  // Two seconds on a machine that does nothing else; the suite's may.
  console.info(`reloaded after ${Math.round(tookMs)} ms`);
  await sluice(['upload', 'samples/people.csv', 's3://lake/later/inbox/']);
  expect((await sluice(['watch', waiting])).code).toBe(0);
  expect(readFileSync(path.join(etl, '.sluice/s3/lake/later/report/part-00000.csv'), 'utf8')).toBe(
    'people\n3\n',
  );
});

test('a file that does not compile is told with its line, and the version before goes on', async () => {
  const waiting = await startWaiting('broken');
  await save(
    () => edit('src/pipelines/hello.ts', (text) => text.replace('async (run', 'async ((run')),
    /src\/pipelines\/hello\.ts.*:\d+:\d+[\s\S]*The version before goes on/,
  );
  await sluice(['upload', 'samples/people.csv', 's3://lake/broken/inbox/']);
  expect((await sluice(['watch', waiting])).code).toBe(0);
});

const WRONG = "export const wrong: number = 'text';\n";

test('a type error is a warning, and the code is in force', async () => {
  const change = (text: string) => `${text.replace('async ((run', 'async (run').replace(WRONG, '')}${WRONG}`;
  await save(
    () => edit('src/pipelines/hello.ts', change),
    /Reloaded[\s\S]*warning: src\/pipelines\/hello\.ts\(\d+,\d+\): error TS2322/,
  );
});

test('a run whose history does not fit the changed code is told with pipeline, run, step and cure', async () => {
  const id = await startWaiting('stuck');
  const first =
    "await run.job('first', { resource: 'duckdb:query', parameters: { sql: 'SELECT 1 AS one' } });\n    const [file]";
  await save(
    () => edit('src/pipelines/hello.ts', (text) => text.replace(WRONG, '').replace('const [file]', first)),
    /hello: the run stuck cannot go on with the changed code.*Put the code back, or end the run.*sluice cancel stuck/,
  );
  await save(() => edit('src/pipelines/hello.ts', (text) => text.replace(first, 'const [file]')), /Reloaded/);
  expect((await sluice(['cancel', id])).code).toBe(0);
});

test('npm test runs the pipeline on a server that skips time', async () => {
  expect(await npm(['test'], etl)).toMatch(/pass 1\b/);
});

test('a schedule is created, listed and deleted', async () => {
  expect(await json(['schedule', 'create', 'hello', '--paused'])).toMatchObject({ id: 'hello' });
  expect(await json(['schedule', 'list'])).toMatchObject([{ id: 'hello', pipeline: 'hello' }]);
  expect((await sluice(['schedule', 'delete', 'hello'])).code).toBe(0);
});

test('an upload starts a run of hello, and list and doctor know of it', async () => {
  const inbox = 's3://lake/other/inbox/*.csv';
  await json(['start', 'hello', '-p', 'lake=s3://lake/other', '--on-arrival']);
  expect(await json(['list', '--triggers'])).toMatchObject([{ pipeline: 'hello', pattern: inbox }]);
  await sluice(['upload', 'samples/people.csv', 's3://lake/other/inbox/people.csv']);
  await eventually(
    () => json<Ended[]>(['list', '--pipeline', 'hello']),
    (runs) => runs.some(({ id, state }) => id.includes('other') && state === 'completed'),
    { pauseMs: 500 },
  );
  expect((await sluice(['doctor'])).code).toBe(0);
});

test('a second worker works with what dev has written down, and is told nothing of ports', async () => {
  const program = path.join(etl, 'node_modules', '.bin', 'sluice');
  const worker = spawn(program, ['worker'], {
    cwd: etl,
    env: ownEnvironment(),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  worker.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  await eventually(
    () => log,
    (text) => text.includes('worker ready'),
  );
  worker.kill('SIGTERM');
  await new Promise((resolve) => worker.once('exit', resolve));
  expect(log).not.toContain('Unexpected');
});

test('tasks, a runner and scripts of its own are part of the project', async () => {
  const files: Record<string, string> = {
    'src/tasks/shout.ts': `import { defineTask } from 'sluice';
import { field } from 'sluice/workflow';
export const shout = defineTask(
  { name: 'shout', about: 'Says it loud.', input: { text: field.text() } },
  async ({ text }) => ({ payload: text.toUpperCase() }),
);
`,
    'src/runners/acme.ts': `import { defineRunner } from 'sluice';
const parameters = {
  '~standard': {
    version: 1 as const,
    vendor: 'etl',
    validate: (value: unknown) =>
      typeof (value as { table?: unknown }).table === 'string'
        ? { value }
        : { issues: [{ message: 'missing', path: ['table'] }] },
  },
};
declare module 'sluice' {
  interface JobParameters { 'acme:refresh': { table: string } }
}
export const acme = defineRunner({
  resource: 'acme:refresh',
  parameters,
  create: () => ({
    submit: async ({ key }) => ({ resource: 'acme:refresh', externalId: 'r-1', key, url: null, submittedAt: new Date().toISOString() }),
    find: async () => null,
    poll: async (_, reference) => ({
      state: 'succeeded' as const,
      result: { resource: 'acme:refresh', externalId: reference.externalId, url: null, logUrl: null, output: null, durationMs: 1, measures: {} },
    }),
    stop: async () => {},
  }),
});
`,
    'src/pipelines/scripted.ts': `import { definePipeline } from 'sluice/workflow';
export const scripted = definePipeline({ name: 'scripted', about: 'Runs a script.' }, async (run) => {
  const { rows } = await run.job('script', { resource: 'duckdb:query', parameters: { script: 'answer.sql' } });
  return rows;
});
`,
    'src/pipelines/own.ts': `import { definePipeline, task } from 'sluice/workflow';
import type {} from '../runners/acme.js';
import type { shout } from '../tasks/shout.js';
export const own = definePipeline({ name: 'own', about: 'A task and a runner.' }, async (run) => {
  const { payload } = await run.job('shout', task<typeof shout>('shout', { text: 'hello' }));
  await run.job('refresh', { resource: 'acme:refresh', parameters: { table: 't' } });
  return payload;
});
`,
    'jobs/answer.sql': 'SELECT 42 AS answer',
  };
  await save(() => {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(path.dirname(path.join(etl, name)), { recursive: true });
      writeFileSync(path.join(etl, name), text);
    }
  }, /Reloaded in .*: hello, own, scripted, job/);
  expect(await json<Ended>(['start', 'own', '--wait'])).toMatchObject({
    state: 'completed',
    result: 'HELLO',
  });
  expect(await json<Ended>(['start', 'scripted', '--wait'])).toMatchObject({
    state: 'completed',
    result: [{ answer: 42 }],
  });
  writeFileSync(path.join(etl, 'job.json'), '{"resource":"acme:refresh","parameters":{}}');
  const wrong = await sluice(['start', 'job', '--input', 'job.json']);
  expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('table: missing') as string });
  await run(process.execPath, [path.join(etl, 'node_modules', 'typescript', 'bin', 'tsc')], { cwd: etl });
});

test('the end of dev ends all of it', async () => {
  dev.kill('SIGTERM');
  await new Promise((resolve) => dev.once('exit', resolve));
  expect(dev.exitCode).toBe(0);
  await expect(fetch(info.ui.url)).rejects.toThrow();
  expect(await sluice(['list'])).toMatchObject({ code: 3 });
});
