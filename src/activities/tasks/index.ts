import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { copyObject } from './copyObject';
import { convertExport } from './dynamodb/convertExport';
import { createDescribeTable } from './dynamodb/describeTable';
import { findExport } from './dynamodb/findExport';
import { createScanTable } from './dynamodb/scanTable';
import type { Tasks } from './task';

/** The tasks that ship with Sluice, by the name that `worker:task` calls them by. */
export function createTasks(dynamodb = new DynamoDBClient({ maxAttempts: 10 })): Tasks {
  return {
    'copy-object': copyObject,
    'convert-export': convertExport,
    'describe-table': createDescribeTable(dynamodb),
    'find-export': findExport,
    'scan-table': createScanTable(dynamodb),
  };
}
