import type { S3Client } from '@aws-sdk/client-s3';
import type { AnyTask, TaskContext, TaskResult } from 'sluice';
import { createAws } from '../../src/aws';
import { AwsDouble } from '../../src/doubles/awsDouble';
import { createTasks } from '../../src/tasks';

export const KEYS = { accessKeyId: 'test', secretAccessKey: 'test' };

export interface PlayedTasks {
  double: AwsDouble;
  endpoint: string;
  tasks: AnyTask[];
  /** Runs a task by name. `key` is that of its job; the same one is the same job again. */
  run(name: string, input: Record<string, unknown>, key?: string): Promise<TaskResult>;
  stop(): Promise<void>;
}

export interface PlayTasks {
  s3: S3Client;
  findJar?: (signal: AbortSignal) => Promise<string>;
  isLocal?: boolean;
  region?: string;
}

/** The tasks of the project on a played AWS. */
export async function playTasks({
  s3,
  findJar,
  isLocal = false,
  region = 'us-east-1',
}: PlayTasks): Promise<PlayedTasks> {
  const double = new AwsDouble({ region });
  const endpoint = await double.listen();
  const aws = createAws({ endpoint, region, credentials: KEYS });
  const tasks = createTasks({
    connect: () => aws,
    isLocal: () => isLocal,
    findJar: findJar ?? (() => Promise.reject(new Error('no JAR in this test'))),
    java: 'java',
    endpoint,
    keyBits: 2048,
  });
  return {
    ...{ double, endpoint, tasks },
    run(name, input, key = name) {
      const context: TaskContext = {
        s3,
        reference: {
          resource: 'worker:task',
          externalId: key,
          key,
          url: null,
          submittedAt: '2026-01-01T00:00:00Z',
        },
        signal: new AbortController().signal,
        resumed: undefined,
        keep: () => {},
        report: () => {},
        log: { info: () => {}, warn: () => {} },
      };
      return tasks.find((task) => task.name === name)!.run(input, context);
    },
    async stop() {
      for (const client of Object.values(aws) as { destroy(): void }[]) client.destroy();
      await double.close();
    },
  };
}
