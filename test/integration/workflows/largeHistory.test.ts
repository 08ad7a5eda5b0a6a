/** A run whose jobs would fill its history, which the server ends without a word at 50 MiB. */
import { join } from 'node:path';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { statusQuery } from '../../../src/contracts/messages';
import { succeeded } from '../../../src/runners/references';
import { quietRuntime, startServer, startTestWorker } from '../../support/environment';
import { isLong } from '../../support/long';
import { ScriptedRunner } from '../../support/scriptedRunner';

let environment: TestWorkflowEnvironment;
let worker: Awaited<ReturnType<typeof startTestWorker>>;

beforeAll(async () => {
  quietRuntime();
  environment = await startServer();
  const runner = new ScriptedRunner((step, { job }) => {
    const reference = { resource: job.resource, externalId: step } as never;
    const isSmall = JSON.stringify(job).length < 1_000;
    const payload = step.startsWith('load') && isSmall ? 'x'.repeat(1_500_000) : null;
    return { states: [succeeded(reference, { payload })] };
  });
  worker = await startTestWorker(environment, {
    runners: { 'glue:startJobRun': runner },
    files: [join(__dirname, 'largeHistoryPipelines.ts')],
  });
}, 120_000);

afterAll(async () => {
  await worker?.stop();
  await environment?.teardown();
}, 60_000);

const CASES = [
  // Whichever comes first: ten jobs are under way.
  [
    'results',
    /The history of the run has 4\d MiB|has 1500\d{3} bytes, for which the history .* no room any more/,
  ],
  ['parameters', /The history of the run has 4\d MiB and \d+ events before load .+; Temporal takes 50 MiB/],
] as const;

test.each(isLong ? CASES : CASES.slice(0, 1))(
  'that fills its history by %s fails with the cure, and falls back',
  async (by, message) => {
    const run = await environment.client.workflow.start('growing', {
      ...{ taskQueue: 'test', workflowId: `growing by ${by}` },
      args: [{ by, onFailure: 'fallback' }],
    });
    expect(await run.result()).toBe('fall back');
    expect(await run.query(statusQuery)).toMatchObject({
      state: 'completed with fallback',
      failure: { code: 'TooLarge', message: expect.stringMatching(message) },
    });
  },
  120_000,
);
