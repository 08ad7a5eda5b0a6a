import type { S3Client } from '@aws-sdk/client-s3';
import type { JobReference } from '../../src/jobs';
import type { AnyTask, TaskContext, TaskResult } from '../../src/tasks/defineTask';

export interface TaskRun {
  s3: S3Client;
  /** The same key is the same job, started again. */
  key?: string;
  /** What an earlier run has kept. */
  resumed?: unknown;
  onKeep?: (value: unknown) => void;
  signal?: AbortSignal;
}

const reference: JobReference = {
  resource: 'worker:task',
  externalId: 'task-1',
  key: 'key',
  url: null,
  submittedAt: '2026-03-01T00:00:00.000Z',
};

/** What a worker hands to a task that it runs for the first time. */
export function taskContext(s3: S3Client, signal?: AbortSignal): TaskContext {
  return {
    ...{ s3, signal: signal ?? new AbortController().signal, reference },
    ...{ resumed: undefined, keep: () => {}, report: () => {} },
    log: { info: () => {}, warn: () => {} },
  };
}

/** Runs a task as a worker does, without Temporal around it. */
export async function runTask(
  task: AnyTask,
  input: Record<string, unknown>,
  { s3, key = 'key', resumed, onKeep, signal }: TaskRun,
): Promise<TaskResult> {
  task.check(input);
  return task.run(input, {
    ...taskContext(s3, signal),
    reference: { ...reference, key },
    resumed,
    // As a heartbeat does: what is kept is what it was then.
    keep: (position) => onKeep?.(JSON.parse(JSON.stringify(position))),
  });
}
