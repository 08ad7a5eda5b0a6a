import type { Job } from '../jobs';

/** A job that the worker does itself, by one of the tasks that it knows by name. */
export function workerTask(task: string, input: Record<string, unknown>): Job<'worker:task'> {
  return { resource: 'worker:task', parameters: { task, input } };
}
