import { copyObject } from './copyObject';
import type { Tasks } from './task';

/** The tasks that ship with Sluice, by the name that `worker:task` calls them by. */
export function createTasks(): Tasks {
  return { 'copy-object': copyObject };
}
