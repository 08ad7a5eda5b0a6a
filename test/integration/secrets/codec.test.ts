/** Payloads are encrypted on the real server, by keys that change while a run is going on; and what no payload holds is told. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, type WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import type { JobResult } from '../../../src/jobs';
import { statusQuery, type RunStatus } from '../../../src/contracts/messages';
import { createCodecServer } from '../../../src/codec/server';
import { freePort } from '../../../src/local';
import { readCodecKeys } from '../../../src/setup/codecKeys';
import { createDataConverter, createPayloadCodec } from '../../../src/setup/payloadCodec';
import { describeWithBrowser, withPage } from '../../support/browser';
import { sluice } from '../../support/cli';
import { quietRuntime, serverEnv, startServerWithUi, startTestWorker } from '../../support/environment';
import { eventually, until } from '../../support/eventually';
import { textsOf } from '../../support/texts';
import { RUNNING, ScriptedRunner, succeeded } from '../../support/scriptedRunner';

let folder: string;
let environment: TestWorkflowEnvironment;
let worker: Awaited<ReturnType<typeof startTestWorker>> | undefined;
let goesOn = true;
let uiPort: number;
let codecPort: number;

const runner = new ScriptedRunner((step) => {
  if (step === 'livy:createBatch') return goesOn ? { states: [RUNNING] } : {};
  const reference = { resource: 'livy:createBatch' as const, externalId: '1' };
  const { result } = succeeded(reference) as { result: JobResult };
  const payload = 'x'.repeat(3 * 1024 * 1024);
  return step === 'a large answer'
    ? { states: [{ state: 'succeeded', result: { ...result, payload } }] }
    : {};
});
const failing = new ScriptedRunner(() => ({ states: [{ state: 'failed', message: 'no such c4n4ry' }] }));

const key = (id: string) => `${id} ${randomBytes(32).toString('base64')}`;
const [older, newer] = [key('2025'), key('2026')];
const fileOf = (name: string) => join(folder, name);

async function startWorker(keys: string) {
  worker = await startTestWorker(environment, {
    runners: { 'livy:createBatch': runner, 'athena:startQueryExecution': failing },
    files: [join(__dirname, '..', '..', 'support', 'large.ts')],
    config: { codecKeys: fileOf(keys) },
  });
}

async function clientWith(codecKeys: string | null): Promise<Client> {
  const dataConverter = await createDataConverter({ codecKeys });
  return new Client({ connection: environment.connection, dataConverter });
}

beforeAll(async () => {
  quietRuntime();
  folder = mkdtempSync(join(tmpdir(), 'sluice-codec-'));
  writeFileSync(fileOf('older'), older);
  writeFileSync(fileOf('both'), `${newer}\n${older}\n`);
  writeFileSync(fileOf('newer'), newer);
  [uiPort, codecPort] = await Promise.all([freePort(), freePort()]);
  environment = await startServerWithUi({ port: uiPort, codec: `http://127.0.0.1:${codecPort}` });
  await startWorker('older');
}, 120_000);

afterAll(async () => {
  await worker?.stop();
  await environment?.teardown();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

const start = (client: Client, workflowId: string, type: string, input: object): Promise<WorkflowHandle> =>
  client.workflow.start(type, { taskQueue: 'test', workflowId, args: [input], memo: { pipeline: type } });

const asText = async (handle: WorkflowHandle) => textsOf(await handle.fetchHistory()).join('\n');

test('a history shows nothing of input, results, failures and summaries, and who has the key sees all', async () => {
  const client = await clientWith(fileOf('older'));
  const job = { resource: 'athena:startQueryExecution', parameters: { QueryString: 'select c4n4ry' } };
  const run = await start(client, 'encrypted', 'job', { job });
  await expect(run.result()).rejects.toMatchObject({
    cause: { type: 'JobFailed', message: 'no such c4n4ry' },
  });
  const history = await asText(run);
  expect(history).toContain('binary/encrypted');
  expect(history).toContain('Encoded failure');
  expect(history).not.toMatch(/c4n4ry|QueryString/);
  expect((await run.query<RunStatus, []>(statusQuery)).failure?.message).toBe('no such c4n4ry');

  const without = await clientWith(null);
  await expect(without.workflow.getHandle('encrypted').query(statusQuery)).rejects.toMatchObject({
    message: expect.stringMatching(
      /encrypted by the key "2025", which is not here; set SLUICE_CODEC_KEYS/,
    ) as string,
  });
});

describeWithBrowser('in the Temporal Web UI', () => {
  test('whoever has a codec server sees what is encrypted, and nobody else does', async () => {
    const client = await clientWith(fileOf('older'));
    const job = { resource: 'athena:startQueryExecution', parameters: { QueryString: 'select c4n4ry' } };
    const run = await start(client, 'seen', 'job', { job });
    await expect(run.result()).rejects.toThrow();
    const { runId } = await run.describe();
    const ui = `http://127.0.0.1:${uiPort}`;
    const codec = createPayloadCodec(await readCodecKeys(fileOf('older')));
    const server = createCodecServer({ codec, secrets: [], origins: [ui] });
    try {
      await withPage(async (page) => {
        const show = () => page.goto(`${ui}/namespaces/default/workflows/seen/${runId}/history`);
        const text = () => page.locator('body').innerText();
        await show();
        await eventually(text, (shown) => shown.includes('encryption-key-id'));
        expect(await text()).not.toContain('c4n4ry');
        await server.listen({ host: '127.0.0.1', port: codecPort });
        await show();
        await eventually(
          text,
          (shown) => shown.includes('select c4n4ry') && shown.includes('no such c4n4ry'),
        );
      });
    } finally {
      await server.close();
    }
  }, 60_000);
});

test('a run goes on while keys are replaced, from either of them to the newer', async () => {
  const client = await clientWith(fileOf('older'));
  const job = { resource: 'livy:createBatch', parameters: { file: 's3://lake/a.py' } };
  const run = await start(client, 'rotated', 'job', { job });
  await until(async () => {
    const { steps } = await run.query<RunStatus, []>(statusQuery);
    return steps[0]?.job?.externalId != null;
  });
  await worker!.stop();
  await startWorker('both');
  goesOn = false;
  await expect(run.result()).rejects.toThrow(/"2026", which is not here/);
  const both = await clientWith(fileOf('both'));
  expect(await both.workflow.getHandle('rotated').result()).toMatchObject({ resource: 'livy:createBatch' });
});

test('the command line reads what is encrypted, and says what to set when it cannot', async () => {
  const status = (settings: NodeJS.ProcessEnv) =>
    sluice(['status', 'encrypted', '--json'], {
      env: { ...serverEnv(environment), SLUICE_TASK_QUEUE: 'test', ...settings },
    });
  const { stdout } = await status({ SLUICE_CODEC_KEYS: fileOf('both') });
  expect(JSON.parse(stdout)).toMatchObject({ pipeline: 'job', failure: { message: 'no such c4n4ry' } });
  const { code, stderr } = await status({});
  expect(stderr).toMatch(/set SLUICE_CODEC_KEYS to the file that has it/);
  expect(code).toBe(2);
});

test.each([
  ['job', 'a large job', /The job of a large job has 3,1\d\d,\d{3} bytes, and Temporal takes 2,031,616\./],
  ['answer', 'a large answer', /The result of a large answer has 3,1.*\(maxRows\)/],
  ['child', 'a large child', /The input of a large child has 3,1/],
  ['result', null, /The result of large-payloads has 3,145,730 bytes/],
])(
  'a %s above the size of a payload fails the run, and is told with its step',
  async (what, step, message) => {
    const client = await clientWith(fileOf('both'));
    const run = await start(client, `large-${what}`, 'large-payloads', { what });
    await expect(run.result()).rejects.toMatchObject({ cause: { type: 'TooLarge' } });
    const { failure } = await run.query<RunStatus, []>(statusQuery);
    expect(failure).toMatchObject({
      code: 'TooLarge',
      message: expect.stringMatching(message) as string,
      step,
    });
  },
);
