import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { S3Client } from '@aws-sdk/client-s3';
import { SHIPPED_TASKS } from '../../src/activities/shipped';
import type { JobReference } from '../../src/jobs';
import type { AnyTask, TaskContext, TaskResult } from '../../src/tasks/defineTask';
import { createDescribeTable } from '../../src/tasks/dynamodb/describeTable';
import { createScanTable } from '../../src/tasks/dynamodb/scanTable';

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
  return {
    ...{ s3, signal: signal ?? new AbortController().signal, reference },
    ...{ resumed: undefined, keep: () => {}, report: () => {} },
    log: { info: () => {}, warn: () => {} },
  };
}

function findTask(name: string, dynamodb: DynamoDBClient | undefined): AnyTask {
  const own = dynamodb ? [createScanTable(() => dynamodb), createDescribeTable(() => dynamodb)] : [];
  return [...own, ...SHIPPED_TASKS].find((task) => task.name === name)!;
}

/** Runs a task as a worker does, without Temporal around it. */
export async function runTask(
  name: string | AnyTask,
  input: Record<string, unknown>,
  { s3, dynamodb, key = 'key', resumed, onKeep, signal }: TaskRun,
): Promise<TaskResult> {
  const task = typeof name === 'string' ? findTask(name, dynamodb) : name;
  task.check(input);
  return task.run(input, {
    ...taskContext(s3, signal),
    reference: { ...reference, key },
    resumed,
    // As a heartbeat does: what is kept is what it was then.
    keep: (position) => onKeep?.(JSON.parse(JSON.stringify(position))),
  });
}
