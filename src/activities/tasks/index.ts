import { convertRecords } from './convertRecords';
import { copyObject } from './copyObject';
import { drawChart } from './drawChart';
import { flattenRecords } from './flattenRecords';
import { removeConverted } from './removeConverted';
import type { Tasks } from './task';

/** The tasks that ship with Sluice, by the name that `worker:task` calls them by. */
export function createTasks(): Tasks {
  return {
    'convert-records': convertRecords,
    'copy-object': copyObject,
    'draw-chart': drawChart,
    'flatten-records': flattenRecords,
    'remove-converted': removeConverted,
  };
}
