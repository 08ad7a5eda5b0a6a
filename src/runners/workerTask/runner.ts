import { Context } from '@temporalio/activity';
import { SluiceError } from '../../errors';
import type { JobReference } from '../../jobs';
import type { AnyTask, TaskContext } from '../../tasks/defineTask';
import type { RunnerContext } from '../defineRunner';
import { succeeded, workerReference } from '../references';
import type { JobState, Progress, Runner, SubmissionOf } from '../runner';

/** The failures that say what is wrong with the job or its data; all others are the moment's and are retried. */
const FINAL = ['BadData', 'ObjectGone', 'InvalidJob'] as const;

/** What travels with the heartbeats: the position to go on from. */
interface Kept {
  position?: unknown;
}

/**
 * `worker:task`, run inside the worker: the first poll does the work. When its worker dies, the next one starts the task
 * again with what it had kept.
 */
export class WorkerTaskRunner implements Runner<'worker:task'> {
  readonly worksInPoll = true;
  private readonly tasks: ReadonlyMap<string, AnyTask>;

  constructor(private readonly context: Pick<RunnerContext, 's3' | 'tasks'>) {
    this.tasks = new Map(context.tasks.map((task) => [task.name, task]));
  }

  async submit({ job: { parameters }, key }: SubmissionOf<'worker:task'>): Promise<JobReference> {
    this.findTask(parameters.task).check(parameters.input);
    return Promise.resolve(workerReference('worker:task', key));
  }

  find(): Promise<null> {
    return Promise.resolve(null);
  }

  async poll(
    { job: { parameters }, run, step }: SubmissionOf<'worker:task'>,
    reference: JobReference,
    signal: AbortSignal,
    progress: Progress,
  ): Promise<JobState> {
    const startedAt = Date.now();
    try {
      const context = {
        s3: this.context.s3,
        reference,
        signal,
        ...positionOf(progress),
        log: logOf(run, step),
      };
      const done = await this.findTask(parameters.task).run(parameters.input, context);
      return succeeded(reference, { ...done, durationMs: Date.now() - startedAt });
    } catch (error) {
      const code = error instanceof SluiceError ? FINAL.find((final) => final === error.code) : undefined;
      if (code === undefined) throw error;
      return { state: 'failed', message: (error as SluiceError).message, code };
    }
  }

  /** The task ends with the await that runs it: an await is cancelled before its job is stopped. */
  async stop(): Promise<void> {}

  private findTask(name: string): AnyTask {
    const task = this.tasks.get(name);
    if (task) return task;
    throw new SluiceError(
      'InvalidJob',
      `worker:task: no task is called "${name}"; there are: ${[...this.tasks.keys()].join(', ')}`,
    );
  }
}

function positionOf(progress: Progress): Pick<TaskContext, 'resumed' | 'keep' | 'report'> {
  const { position } = (progress.resumed ?? {}) as Kept;
  return {
    resumed: position,
    keep: (next) => progress.keep({ position: next } satisfies Kept),
    report: (reported) => progress.report?.(reported),
  };
}

function logOf(run: string, step: string): TaskContext['log'] {
  const { log } = Context.current();
  return {
    info: (message, values) => void log.info(message, { ...values, run, step }),
    warn: (message, values) => void log.warn(message, { ...values, run, step }),
  };
}
