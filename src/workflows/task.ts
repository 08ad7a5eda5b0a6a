import type { Job } from '../jobs';
import type { Fields, TaskInputOf, TypedFields } from '../pipelines';

/** A task as its type says it: the value of `defineTask`. */
interface TaskLike {
  readonly name: string;
  readonly input: Fields;
}

/** The input that a job of the task takes; that of a task whose type is not given is any. */
type InputFor<T extends TaskLike> = T['input'] extends infer F extends TypedFields
  ? string extends keyof F
    ? Record<string, unknown>
    : TaskInputOf<F>
  : never;

/**
 * A job that the worker does itself, by one of its tasks: `task<typeof copyObject>('copy-object', { from, to })`, where the
 * task is imported as a type alone, since it does not run in the sandbox.
 */
export function task<T extends TaskLike = TaskLike>(name: T['name'], input: InputFor<T>): Job<'worker:task'> {
  return { resource: 'worker:task', parameters: { task: name, input } };
}
