import type { S3Client } from '@aws-sdk/client-s3';
import { SluiceError } from '../errors';
import type { JobReference } from '../jobs';
import type { Task, Tasks } from '../tasks/task';
import { workerReference, type JobState, type Progress, type Runner, type SubmissionOf } from './runner';

/** The failures that say what is wrong with the job or its data; all others are the moment's and are retried. */
const FINAL = ['BadData', 'ObjectGone', 'InvalidJob'] as const;

/**
 * `worker:task`, run inside the worker: the first poll does the work. When its worker dies, the next one starts the task
 * again with what it had kept.
 */
export class WorkerTaskRunner implements Runner<'worker:task'> {
  readonly worksInPoll = true;

  constructor(
    private readonly tasks: Tasks,
    private readonly s3: S3Client,
  ) {}

  async submit({ job: { parameters }, key }: SubmissionOf<'worker:task'>): Promise<JobReference> {
    this.findTask(parameters.task).check(parameters.input);
    return Promise.resolve(workerReference('worker:task', key));
  }

  find(): Promise<null> {
    return Promise.resolve(null);
  }

  async poll(
    { job: { parameters } }: SubmissionOf<'worker:task'>,
    reference: JobReference,
    signal: AbortSignal,
    progress: Progress,
  ): Promise<JobState> {
    const startedAt = Date.now();
    try {
      const context = { s3: this.s3, reference, signal, progress };
      const done = await this.findTask(parameters.task).run(parameters.input, context);
      return {
        state: 'succeeded',
        result: {
          resource: 'worker:task',
          externalId: reference.externalId,
          url: null,
          output: done.output ?? null,
          logUrl: null,
          durationMs: Date.now() - startedAt,
          measures: done.measures ?? {},
          ...(done.payload === undefined ? {} : { payload: done.payload }),
        },
      };
    } catch (error) {
      const code = error instanceof SluiceError ? FINAL.find((final) => final === error.code) : undefined;
      if (code === undefined) throw error;
      return { state: 'failed', message: (error as SluiceError).message, code };
    }
  }

  /** The task ends with the await that runs it: an await is cancelled before its job is stopped. */
  async stop(): Promise<void> {}

  private findTask(name: string): Task {
    const task = this.tasks[name];
    if (task) return task;
    throw new SluiceError(
      'InvalidJob',
      `worker:task: no task is called "${name}"; there are: ${Object.keys(this.tasks).join(', ')}`,
    );
  }
}
