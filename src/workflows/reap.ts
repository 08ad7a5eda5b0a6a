import { activities, HEARTBEAT_TIMEOUT } from './steps/activities';
import { stopJob } from './steps/jobActivities';
import type { LeftJob, ReapedJob, ReapInput, ReapResult } from '../contracts/reap';

/** How many jobs are stopped side by side. */
const SIDE_BY_SIDE = 10;

/** Finds what ended runs have left running, stops it and waits until its service says so. */
export async function reap(input: ReapInput): Promise<ReapResult> {
  const { runs, left, more } = await activities.findLeftJobs.executeWithOptions(
    {
      summary: 'what ended runs have left running',
      startToCloseTimeout: '1 hour',
      heartbeatTimeout: HEARTBEAT_TIMEOUT,
      retry: { initialInterval: '1 s', maximumInterval: '1 minute', maximumAttempts: 10 },
    },
    [input],
  );
  const waiting = [...left.entries()];
  const jobs: ReapedJob[] = [];
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      jobs[next[0]] = await reapJob(next[1], input);
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, work));
  return { runs, jobs, more };
}

async function reapJob(left: LeftJob, { dryRun }: ReapInput): Promise<ReapedJob> {
  const { submission, reference, runId } = left;
  const { run, step, job } = submission;
  const told = { run, runId, step, resource: job.resource };
  const known = { externalId: reference?.externalId ?? null, url: reference?.url ?? null };
  if (dryRun) return { ...told, ...known, outcome: 'left running', message: null };
  const { outcome, externalId, url, message } = await stopJob(submission, reference);
  return { ...told, externalId: externalId ?? known.externalId, url: url ?? known.url, outcome, message };
}
