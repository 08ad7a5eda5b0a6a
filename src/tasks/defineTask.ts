import type { S3Client } from '@aws-sdk/client-s3';
import type { JobProgress } from '../contracts/activities';
import { SluiceError } from '../errors';
import type { JobReference } from '../jobs';
import { parseInput, type Fields, type InputOf, type TypedFields } from '../pipelines';

/** What a task works with. */
export interface TaskContext {
  s3: S3Client;
  /** The job: its key and the time of its submission are the same when the task starts again. */
  reference: JobReference;
  /** Aborts when the job is cancelled or the worker shuts down. */
  signal: AbortSignal;
  /** What `keep` was given last, by this worker or one that died, or undefined. Plain JSON. */
  readonly resumed: unknown;
  /** Keeps a position, small and plain JSON, from which a task that starts again goes on. */
  keep: (position: unknown) => void;
  /**
   * Tells how far the task is, e.g. `{ objects: 3, of: 20 }` or `{ percent: 40 }`: it is seen in `status` and `watch`, and
   * beside the activity in Temporal's Web UI.
   */
  report: (progress: JobProgress) => void;
  log: TaskLog;
}

/** Writes to the worker's log, with run and step beside each line. */
export interface TaskLog {
  info: (message: string, values?: object) => void;
  warn: (message: string, values?: object) => void;
}

export interface TaskResult {
  /** Location of the output. */
  output?: string;
  /** Counts, summed over the run. */
  measures?: Record<string, number>;
  /** Small plain JSON. */
  payload?: unknown;
}

export interface TaskOptions<Name extends string, F extends TypedFields> {
  /** What `worker:task` calls it by: letters, digits, `-`, `_` and `.`. */
  name: Name;
  /** One line: what it does. */
  about: string;
  /** Its input by field; all problems are told at once, before it works. */
  input: F;
  /** What is wrong between fields that are right each by itself, one line each: `field: what; the cure`. */
  findProblems?: (input: InputOf<F>) => string[];
}

/** A task, whatever its input. */
export interface AnyTask {
  readonly name: string;
  readonly about: string;
  readonly input: Fields;
  /** @throws SluiceError InvalidJob with all problems of the input */
  run(input: Record<string, unknown>, context: TaskContext): Promise<TaskResult>;
  /** @throws SluiceError InvalidJob with all problems of the input */
  check(input: Record<string, unknown>): void;
}

/** A function of the worker's own, run by `worker:task` jobs. */
export interface Task<Name extends string, F extends TypedFields> extends AnyTask {
  readonly name: Name;
  readonly input: F;
}

/**
 * Defines a function for `worker:task`. It may be started again at any point, so it does nothing twice that cannot be done
 * twice, goes on from `context.resumed`, and publishes its output whole. `SluiceError` BadData, ObjectGone and InvalidJob
 * fail the job; all other errors are the moment's and are retried.
 * @throws TypeError for a name that is none
 */
export function defineTask<const Name extends string, const F extends TypedFields>(
  options: TaskOptions<Name, F>,
  work: (input: InputOf<F>, context: TaskContext) => Promise<TaskResult | void>,
): Task<Name, F> {
  const { name, about, input, findProblems } = options;
  if (!/^[A-Za-z][\w.-]*$/.test(name))
    throw new TypeError(`defineTask: "${name}" is no name; give letters, digits, "-", "_" and "."`);
  const parse = (given: Record<string, unknown>): InputOf<F> => {
    try {
      return parseInput(
        {
          name: `the task ${name}`,
          input,
          ...(findProblems ? { findProblems: (value) => findProblems(value as InputOf<F>) } : {}),
        },
        given,
      );
    } catch (error) {
      throw new SluiceError('InvalidJob', (error as Error).message, { cause: error });
    }
  };
  return {
    name,
    about,
    input,
    check: (given) => void parse(given),
    run: async (given, context) => (await work(parse(given), context)) ?? {},
  };
}
