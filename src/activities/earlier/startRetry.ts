import {
  WorkflowExecutionAlreadyStartedError,
  type Client,
  type WorkflowExecutionDescription,
  type WorkflowHandleWithFirstExecutionRunId,
} from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/common';
import type { RunMemo } from '../../contracts/messages';
import { SluiceError } from '../../errors';
import type { RunOptions } from '../../workflows/steps';
import type { RunHistory } from './runHistory';

/** The newest of the runs that went on with each other, and the id that a retry of it has. */
export interface RetriedRun {
  description: WorkflowExecutionDescription;
  root: { id: string; runId: string };
  nextId: string;
}

/**
 * The run that a retry of `id` goes on with: the run itself, or the last one that has gone on with it.
 * @throws SluiceError UnknownRun; InvalidInput for a run that is part of another, or goes on
 */
export async function findRetried(client: Client, id: string): Promise<RetriedRun> {
  const asked = await describe(client, id);
  if (asked === null)
    throw new SluiceError('UnknownRun', `No run has the id ${id}. See the runs with: sluice list`);
  const { parentExecution } = asked;
  if (parentExecution?.workflowId)
    throw new SluiceError(
      'InvalidInput',
      `${id} is part of the run ${parentExecution.workflowId}, which goes on in it: sluice retry ${parentExecution.workflowId}`,
    );
  if (asked.status.name === 'RUNNING')
    throw new SluiceError(
      'InvalidInput',
      `The run ${id} has not ended. End it first with: sluice cancel ${id}`,
    );
  const { root = { id: asked.workflowId, runId: asked.runId } } = (asked.memo ?? {}) as Partial<RunMemo>;
  let description = asked;
  for (let number = 1; ; number++) {
    const nextId = `${root.id}-retry-${number}`;
    const next = await describe(client, nextId);
    if (next === null) return { description, root, nextId };
    // An earlier run of the same id may have had retries of its own.
    if ((next.memo as Partial<RunMemo> | undefined)?.root?.runId !== root.runId) continue;
    if (next.status.name === 'RUNNING') throw isRetriedAlready(id, next.workflowId);
    description = next;
  }
}

async function describe(client: Client, id: string): Promise<WorkflowExecutionDescription | null> {
  try {
    return await client.workflow.getHandle(id).describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

export interface StartRetry extends Omit<RetriedRun, 'description'> {
  history: RunHistory;
  /** The input of the new run. */
  input: unknown;
  taskQueue: string;
  from: readonly string[];
  redo: readonly string[];
  /** In the place of what the run before was given. */
  expectedBy?: string;
  within?: string;
}

/**
 * Starts the run that goes on with an ended one, once: whoever comes second is refused.
 * @throws SluiceError InvalidInput
 */
export async function startRetry(
  client: Client,
  { history, root, nextId, input, taskQueue, from, redo, ...deadline }: StartRetry,
): Promise<WorkflowHandleWithFirstExecutionRunId> {
  const { id, runId, workflowType: pipeline, since, options } = history;
  const retryOf = { id, runId, from: [...from], redo: [...redo] };
  const memo: RunMemo = { pipeline, retryOf: { id, runId }, root };
  const runOptions: RunOptions = { ...options, ...deadline, since, retryOf };
  delete runOptions.taken;
  try {
    return await client.workflow.start(pipeline, {
      taskQueue,
      workflowId: nextId,
      args: [input, runOptions],
      memo: { ...memo },
      staticSummary: `retry of ${id}`,
      workflowIdConflictPolicy: 'FAIL',
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
    });
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) throw isRetriedAlready(id, nextId);
    throw error;
  }
}

function isRetriedAlready(id: string, retry: string): SluiceError {
  return new SluiceError(
    'InvalidInput',
    `${id} is retried by ${retry} already. See it with: sluice watch ${retry}`,
  );
}
