/** `SLUICE_LONG=1`: a fan-out of 10,000 jobs that fails, its plan and its retry; minutes on two cores. */
import { join } from 'node:path';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { createRunners } from '../../../src/activities';
import { findRetried, planRetry, startRetry, type PlannedStep } from '../../../src/activities/earlier';
import { succeeded } from '../../../src/runners/references';
import { quietRuntime, startServer, startTestWorker, testConfig } from '../../support/environment';
import { describeLong } from '../../support/long';
import { definitionsOf } from '../../support/runners';
import { startTestS3 } from '../../support/s3';
import { ScriptedRunner } from '../../support/scriptedRunner';

type TestRunners = NonNullable<Parameters<typeof startTestWorker>[1]['runners']>;

const COUNT = 10_000;
/** In the last child run, so that all before it have to be read. */
const FAILING = `load ${COUNT - 20}`;

describeLong('of a fan-out of 10,000 jobs', () => {
  let isMended = false;
  const runner = new ScriptedRunner((step, submission) => {
    const reference = { resource: submission.job.resource } as never;
    const fails = step === FAILING && !isMended;
    return { states: [fails ? { state: 'failed', message: 'bad item' } : succeeded(reference)] };
  });
  const runners = { 'glue:startJobRun': runner } as unknown as TestRunners;
  let environment: TestWorkflowEnvironment;
  let s3: Awaited<ReturnType<typeof startTestS3>>;
  let worker: Awaited<ReturnType<typeof startTestWorker>>;

  beforeAll(async () => {
    quietRuntime();
    [environment, s3] = await Promise.all([startServer(), startTestS3()]);
    const files = [join(__dirname, '..', 'testing', 'retryPipelines.ts')];
    worker = await startTestWorker(environment, { s3: s3.s3, runners, files });
  }, 120_000);

  afterAll(async () => {
    await worker?.stop();
    await Promise.all([environment?.teardown(), s3?.stop()]);
  }, 60_000);

  test('a plan is there in 5 s, and the retry does only what failed', async () => {
    const { client } = environment;
    const run = await client.workflow.start('items', {
      ...{ taskQueue: 'test', workflowId: 'large', memo: { pipeline: 'items' } },
      args: [{ count: COUNT, concurrency: 100 }],
    });
    await expect(run.result()).rejects.toThrow();
    const { description, root, nextId } = await findRetried(client, 'large');
    const began = performance.now();
    const deps = {
      client,
      s3: s3.s3,
      runners: createRunners({ config: testConfig, s3: s3.s3, runners: definitionsOf(runners) }),
    };
    const { history, steps } = await planRetry(
      deps,
      { id: 'large', runId: description.runId },
      { from: [], redo: [] },
    );
    const seconds = (performance.now() - began) / 1000;
    console.info(`the plan took ${seconds.toFixed(1)} s`);
    const all = (planned: PlannedStep[]): PlannedStep[] =>
      planned.flatMap((step) => [step, ...all(step.steps ?? [])]);
    const jobs = all(steps).filter(({ kind }) => kind === 'job');
    const redone = jobs.filter(({ action }) => action === 'redo').map(({ step }) => step);
    expect(redone).toContain(FAILING);
    expect(redone.length).toBeLessThanOrEqual(100);
    isMended = true;
    const before = runner.accepted;
    const retry = await startRetry(client, {
      ...{ history, root, nextId, input: history.input, taskQueue: 'test', from: [], redo: [] },
    });
    await retry.result();
    // The sum, what failed, what was stopped with it, and what had not begun.
    expect(runner.accepted - before).toBe(redone.length + 1 + COUNT - jobs.length);
    expect(seconds).toBeLessThan(5);
  }, 1_800_000);
});
