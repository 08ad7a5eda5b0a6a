import { Context } from '@temporalio/activity';
import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/common';
import type { Activities } from '../contracts/activities';
import type { RunMemo } from '../contracts/messages';
import type { LeftJob, LeftJobs, ReapInput } from '../contracts/reap';
import type { Runners } from '../runners';
import { classifyError, toActivityFailure } from '../services/failures';
import { beating } from './beating';
import { readRunHistory, type HistoryJob } from './earlier';

export interface LeftJobDependencies {
  client: Client;
  runners: Runners;
}

/** How many jobs one turn takes: each has some events in the history of the workflow that stops them. */
const MAX_JOBS = 500;
const MAX_BYTES = 512 * 1024;
const HISTORIES_SIDE_BY_SIDE = 4;

/**
 * Finds the jobs that ended runs have left running. Everything goes by the histories of the namespace, so that nothing is touched
 * that was not submitted by a run of it: a job is looked up by its reference, and one whose submit had no answer by its key.
 */
export function createLeftJobActivities(deps: LeftJobDependencies): Pick<Activities, 'findLeftJobs'> {
  return {
    findLeftJobs: (input) =>
      beating(async (signal) => {
        try {
          return await findLeftJobs(deps, input, signal);
        } catch (error) {
          throw toActivityFailure(error);
        }
      }),
  };
}

async function findLeftJobs(
  { client, runners }: LeftJobDependencies,
  { withinMs, graceMs }: ReapInput,
  signal: AbortSignal,
): Promise<LeftJobs> {
  const isGoneOnWith = await readGoneOnWith(client);
  const result: LeftJobs = { runs: 0, left: [], more: false };
  let bytes = 0;
  const ended = listEnded(client, { withinMs, graceMs });
  const work = async () => {
    for (;;) {
      const next = await ended.next();
      if (next.done || result.more) return;
      signal.throwIfAborted();
      const run = { id: next.value.workflowId, runId: next.value.runId };
      if (isGoneOnWith(run.id) || (await isReset(client, run))) continue;
      result.runs++;
      for (const left of await findLeft({ client, runners }, run, signal)) {
        bytes += Buffer.byteLength(JSON.stringify(left));
        result.more = result.left.length >= MAX_JOBS || bytes > MAX_BYTES;
        if (result.more) return;
        result.left.push(left);
      }
    }
  };
  await Promise.all(Array.from({ length: HISTORIES_SIDE_BY_SIDE }, work));
  return result;
}

/** Runs that ended without what they had to do; one that completed has ended its jobs. */
async function* listEnded(
  client: Client,
  { withinMs, graceMs }: Pick<ReapInput, 'withinMs' | 'graceMs'>,
): AsyncGenerator<WorkflowExecutionInfo> {
  const time = (agoMs: number) => new Date(Date.now() - agoMs).toISOString();
  const query =
    `ExecutionStatus IN ('Terminated', 'TimedOut', 'Failed', 'Canceled') ` +
    `AND CloseTime >= '${time(withinMs)}' AND CloseTime <= '${time(graceMs)}'`;
  for await (const run of client.workflow.list({ query, pageSize: 200 }))
    if (typeof (run.memo as Partial<RunMemo> | undefined)?.pipeline === 'string') yield run;
}

/** Whether a run that goes on has gone on with this one, or a child of this one: its jobs may be that one's now. */
async function readGoneOnWith(client: Client): Promise<(id: string) => boolean> {
  const roots: string[] = [];
  for await (const { memo } of client.workflow.list({
    query: `ExecutionStatus = 'Running'`,
    pageSize: 1000,
  })) {
    const { root } = (memo ?? {}) as Partial<RunMemo>;
    if (root !== undefined) roots.push(root.id);
  }
  return (id) =>
    roots.some((root) => id === root || id.startsWith(`${root}-retry-`) || id.startsWith(`${root}/`));
}

/** A run that was reset goes on under another run id, with the jobs that it had. */
async function isReset(client: Client, { id, runId }: { id: string; runId: string }): Promise<boolean> {
  const firstRunOf = (of: { raw: { workflowExecutionInfo?: { firstRunId?: string | null } | null } }) =>
    of.raw.workflowExecutionInfo?.firstRunId;
  try {
    const current = await client.workflow.getHandle(id).describe();
    if (current.status.name !== 'RUNNING' || current.runId === runId) return false;
    const run = await client.workflow.getHandle(id, runId).describe();
    return firstRunOf(current) === firstRunOf(run);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

async function findLeft(
  { client, runners }: LeftJobDependencies,
  run: { id: string; runId: string },
  signal: AbortSignal,
): Promise<LeftJob[]> {
  const history = await readRunHistory(client, run);
  const left: LeftJob[] = [];
  for (const job of history.jobs.values()) {
    if (!mayBeLeft(job)) continue;
    try {
      const reference = await findRunning(runners, job, signal);
      if (reference !== null) left.push({ runId: run.runId, submission: job.submission, reference });
    } catch (error) {
      signal.throwIfAborted();
      const { code, message } = classifyError(error);
      const { step } = job.submission;
      Context.current().log.warn('a job that may be left cannot be looked at', {
        run: run.id,
        step,
        code,
        message,
      });
    }
  }
  return left;
}

/** Whether the service may have something of it still; a cluster goes on when the job that created it has succeeded. */
function mayBeLeft({ submission, state }: HistoryJob): boolean {
  const makesCluster = submission.job.resource === 'elasticmapreduce:createCluster';
  return submission.keep !== true && (state === 'open' || (makesCluster && state === 'succeeded'));
}

/** The reference of a job that runs still. */
async function findRunning(
  runners: Runners,
  { submission, reference: known }: HistoryJob,
  signal: AbortSignal,
): Promise<LeftJob['reference']> {
  const { resource } = submission.job;
  if (runners.registry.find(resource).runsInWorker === true) return null;
  const runner = await runners.get(resource);
  if (runner.worksInPoll === true) return null;
  const reference = known ?? (await runner.find(submission, new Date(submission.since ?? 0)));
  if (reference === null) return null;
  const state = await runner.poll(submission, reference, signal, { resumed: undefined, keep: () => {} });
  const runs = state.state === 'running' || (state.state === 'succeeded' && state.stillRuns === true);
  return runs ? reference : null;
}
