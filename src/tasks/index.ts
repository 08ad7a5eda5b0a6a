import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { convertRecords } from './convertRecords';
import { copyObject } from './copyObject';
import { drawChart } from './drawChart';
import { convertExport } from './dynamodb/convertExport';
import { createDescribeTable } from './dynamodb/describeTable';
import { findExport } from './dynamodb/findExport';
import { createScanTable } from './dynamodb/scanTable';
import { flattenRecords } from './flattenRecords';
import { removeConverted } from './removeConverted';
import type { Tasks } from './task';

/** The tasks that ship with Sluice, by the name that `worker:task` calls them by. */
export function createTasks(dynamodb = new DynamoDBClient({ maxAttempts: 10 })): Tasks {
  return {
    'convert-export': convertExport,
    'convert-records': convertRecords,
    'copy-object': copyObject,
    'describe-table': createDescribeTable(dynamodb),
    'draw-chart': drawChart,
    'find-export': findExport,
    'flatten-records': flattenRecords,
    'remove-converted': removeConverted,
    'scan-table': createScanTable(dynamodb),
  };
}
