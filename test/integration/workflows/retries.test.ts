/** Retries by their own pauses, on the server that skips time. */
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { statusQuery } from '../../../src/contracts/messages';
import { quietRuntime, startTestWorker, startTimeSkipping } from '../../support/environment';
import { ScriptedRunner, type Script } from '../../support/scriptedRunner';

let environment: TestWorkflowEnvironment;
let worker: Awaited<ReturnType<typeof startTestWorker>>;
const scripts: Record<string, Partial<Script>> = {
  passing: { states: [{ state: 'failed', message: 'a node was lost', retryable: true }] },
  final: { states: [{ state: 'failed', message: 'no such column' }] },
};
const runner = new ScriptedRunner((step) => scripts[step] ?? {});

beforeAll(async () => {
  quietRuntime();
  environment = await startTimeSkipping();
  worker = await startTestWorker(environment, {
    runners: { 'livy:createBatch': runner },
    searchAttributes: false,
  });
}, 120_000);

afterAll(async () => {
  await worker?.stop();
  await environment?.teardown();
}, 60_000);

test.each([
  ['that the service calls worth a retry is submitted three times, without being asked to', 'passing', 3],
  ['of any other kind is final, unless asked otherwise', 'final', 1],
])('a job with a failure %s', async (_, name, attempts) => {
  const run = await environment.client.workflow.start('steps', {
    taskQueue: 'test',
    workflowId: name,
    args: [{ job: { name } }],
  });
  await expect(run.result()).rejects.toThrow();
  expect((await run.query(statusQuery)).steps[0]).toMatchObject({ state: 'failed', attempts });
  expect([...runner.jobs.values()].filter(({ step }) => step === name)).toHaveLength(attempts);
});
