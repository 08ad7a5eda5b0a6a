import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { S3Client } from '@aws-sdk/client-s3';
import type { Progress } from '../../src/runners/runner';
import { createTasks } from '../../src/tasks';
import type { JobReference } from '../../src/jobs';
import type { Task, TaskContext, TaskResult } from '../../src/tasks/task';

export interface TaskRun {
  s3: S3Client;
  dynamodb?: DynamoDBClient;
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
  const progress = { resumed: undefined, keep: () => {} };
  return { s3, signal: signal ?? new AbortController().signal, reference, progress };
}

/** Runs a task as a worker does, without Temporal around it. */
export async function runTask(
  name: string | Task,
  input: Record<string, unknown>,
  { s3, dynamodb, key = 'key', resumed, onKeep, signal }: TaskRun,
): Promise<TaskResult> {
  const task = typeof name === 'string' ? createTasks(dynamodb)[name]! : name;
  task.check(input);
  let kept = resumed;
  const progress: Progress = {
    get resumed() {
      return kept;
    },
    keep(value) {
      // As a heartbeat does: what is kept is what it was then.
      kept = JSON.parse(JSON.stringify(value)) as unknown;
      onKeep?.(kept);
    },
  };
  return task.run(input, {
    s3,
    progress,
    signal: signal ?? new AbortController().signal,
    reference: { ...reference, key },
  });
}
