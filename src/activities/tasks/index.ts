import { copyObject } from './copyObject';
import { flattenRecords } from './flattenRecords';
import type { Tasks } from './task';

/** The tasks that ship with Sluice, by the name that `worker:task` calls them by. */
export function createTasks(): Tasks {
  return { 'copy-object': copyObject, 'flatten-records': flattenRecords };
}
