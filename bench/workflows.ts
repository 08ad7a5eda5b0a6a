import { condition, defineSignal, proxyActivities, setHandler, workflowInfo } from '@temporalio/workflow';
import type { Activities, Submission } from '../src/contracts/activities';
import type { Arrival, Pipeline } from '../src/pipelines';
import { runPipeline, type Run } from '../src/workflows/steps';

export * from '../src/workflows';

const { submitJob, awaitJob } = proxyActivities<Activities>({
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '1 minute',
});

/** What somebody would write by hand for `marketing-and-sales`: the same activities, no status, no undoing, no checks. */
export const handWritten = () =>
  marketingAndSalesByHand(async (submission) => {
    await awaitJob(submission, await submitJob(submission));
  });

/** Of jobs that run inside the worker, which need no submit. */
export const handWrittenHere = () =>
  marketingAndSalesByHand(async (submission) => {
    await awaitJob(submission, null);
  });

async function marketingAndSalesByHand(act: (submission: Submission) => Promise<void>): Promise<void> {
  const { workflowId } = workflowInfo();
  const seen: Arrival[] = [];
  setHandler(defineSignal<[Arrival[]]>('arrived'), (arrivals) => void seen.push(...arrivals));
  const job = (step: string) =>
    act({
      job: { resource: 'duckdb:query', parameters: { sql: 'SELECT 1' } },
      key: `${workflowId}-${step}`,
      run: workflowId,
      step,
    });
  const branch = async (folder: string) => {
    await condition(() => seen.some(({ key }) => key.startsWith(folder)));
    await job(folder);
  };
  await Promise.all([branch('sales/'), branch('marketing/')]);
  await job('join');
}

/** A bare signal to an activity, for the way from the webhook to a submit. */
export async function signalToActivity(): Promise<void> {
  let seen = false;
  setHandler(defineSignal<[Arrival[]]>('arrived'), () => void (seen = true));
  await condition(() => seen);
  const submission: Submission = {
    job: { resource: 'duckdb:query', parameters: { sql: 'SELECT 1' } },
    key: 'bare',
    run: 'bench',
    step: 'bare',
  };
  await submitJob(submission);
}

const describe = (name: string): Pipeline => ({
  name,
  about: name,
  input: {},
  sources: () => [],
  schedule: null,
});

export function waiting(folder: string): Promise<string | null> {
  const body = async (run: Run) => {
    const [object] = await run.waitForArrivals('wait', `s3://lake/${folder}/*`);
    return object.key;
  };
  return runPipeline({ pipeline: describe('waiting'), given: {}, options: {}, body });
}

/** Two branches that wait and have a job each, and one that joins them, as in `marketing-and-sales`; of a service. */
export function jobsOfService(): Promise<unknown> {
  const job = { resource: 'livy:createBatch' as const, parameters: { file: 'noop.py' } };
  const branch = (folder: string) => async (part: Run) => {
    await part.waitForArrivals(`wait for ${folder}`, `s3://lake/${folder}/*.csv`);
    await part.job(`process ${folder}`, job);
  };
  const body = async (run: Run) => {
    await run.parallel({ sales: branch('sales'), marketing: branch('marketing') });
    await run.job('join', job);
  };
  return runPipeline({ pipeline: describe('jobsOfService'), given: {}, options: {}, body });
}

/** Many jobs in one run, all side by side or `concurrency` at a time, perhaps with slots of a pool. */
export function manyJobs(count: number, concurrency = count, pool?: string): Promise<unknown> {
  const job = { resource: 'livy:createBatch' as const, parameters: { file: 'noop.py' } };
  const items = Array.from({ length: count }, (_, i) => i);
  const body = (run: Run) =>
    run.mapJobs('many', items, () => job, { concurrency, ...(pool === undefined ? {} : { pool }) });
  return runPipeline({ pipeline: describe('manyJobs'), given: {}, options: {}, body });
}
