import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import type { WorkflowFailedError } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { statusQuery } from '../../../src/contracts/messages';
import { quietRuntime, startServer, startTestWorker } from '../../support/environment';
import { eventually } from '../../support/eventually';
import { resetRun } from '../../support/resetRun';
import { startTestS3 } from '../../support/s3';
import { RUNNING, ScriptedRunner, type Script } from '../../support/scriptedRunner';

let environment: TestWorkflowEnvironment;
let s3: Awaited<ReturnType<typeof startTestS3>>;
let worker: Awaited<ReturnType<typeof startTestWorker>>;
const scripts: Record<string, Partial<Script>> = {};

beforeAll(async () => {
  quietRuntime();
  [environment, s3] = await Promise.all([startServer(), startTestS3()]);
  worker = await startTestWorker(environment, {
    s3: s3.s3,
    runners: { 'livy:createBatch': new ScriptedRunner((step) => scripts[step] ?? {}) },
    files: [`${__dirname}/keptOutputPipelines.ts`],
  });
}, 120_000);

afterAll(async () => {
  await worker?.stop();
  await Promise.all([environment?.teardown(), s3?.stop()]);
}, 60_000);

const put = (Key: string, Body: string) => s3.s3.send(new PutObjectCommand({ Bucket: 'lake', Key, Body }));

test('a run that undoes and was reset after it had kept an output puts it back', async () => {
  const key = 'keep/out/part-00000.csv';
  await put(key, 'before');
  await put('keep/out/_SUCCESS', '.');
  scripts['hold'] = { states: [RUNNING] };
  const run = await environment.client.workflow.start('keeps', {
    taskQueue: 'test',
    workflowId: 'keeps',
    args: [{ onFailure: 'undo' }],
  });
  await eventually(
    () => run.query(statusQuery),
    ({ steps }) => steps.find(({ name }) => name === 'hold')?.job?.externalId != null,
  );
  const goesOn = await resetRun(environment.client, run, 'last task');
  await put(key, 'after');
  scripts['hold'] = { states: [{ state: 'failed', message: 'no such column', retryable: false }] } as never;
  const error = await goesOn.result().catch((caught: unknown) => caught);
  expect(((error as WorkflowFailedError).cause as Error).message).toContain(
    'what it had done was undone (1 of 1)',
  );
  const { Body } = await s3.s3.send(new GetObjectCommand({ Bucket: 'lake', Key: key }));
  expect(await Body!.transformToString()).toBe('before');
}, 120_000);
