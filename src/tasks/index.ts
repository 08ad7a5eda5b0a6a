import { convertRecords } from './convertRecords';
import type { AnyTask } from './defineTask';
import { drawChart } from './drawChart';
import { convertExport } from './dynamodb/convertExport';
import { describeTable } from './dynamodb/describeTable';
import { findExport } from './dynamodb/findExport';
import { scanTable } from './dynamodb/scanTable';
import { flattenRecords } from './flattenRecords';
import { removeConverted } from './removeConverted';

/** The tasks of the systems, until they have projects of their own. */
export const SYSTEMS_TASKS: readonly AnyTask[] = [
  convertExport,
  convertRecords,
  describeTable,
  drawChart,
  findExport,
  flattenRecords,
  removeConverted,
  scanTable,
];
