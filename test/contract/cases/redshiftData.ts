import { RedshiftDataClient } from '@aws-sdk/client-redshift-data';
import { createRedshiftDataPort, RedshiftDataRunner } from '../../../src/runners/redshiftData/runner';
import { RedshiftDataDouble } from '../../support/aws/redshiftData';
import type { ContractCase } from '../contractCase';

const shared: Omit<ContractCase, 'job' | 'submit'> = {
  createDouble() {
    const double = new RedshiftDataDouble();
    return { double, control: double.control };
  },
  createRunner: (settings, gapMs) =>
    new RedshiftDataRunner(createRedshiftDataPort(new RedshiftDataClient(settings)), gapMs),
  poll: 'DescribeStatement',
  states: {
    unknown: 'A_STATE_OF_TOMORROW',
    running: ['SUBMITTED', 'PICKED', 'STARTED'],
    succeeded: 'FINISHED',
    failed: ['FAILED'],
    stopped: 'ABORTED',
  },
  stoppable: true,
  full: { type: 'ActiveStatementsExceededException', message: 'too many active statements' },
};

export const redshiftStatement: ContractCase = {
  ...shared,
  job: {
    resource: 'redshiftdata:executeStatement',
    parameters: { Sql: 'SELECT day, leads FROM report', Database: 'dev', WorkgroupName: 'etl' },
  },
  submit: 'ExecuteStatement',
};

export const redshiftBatch: ContractCase = {
  ...shared,
  job: {
    resource: 'redshiftdata:batchExecuteStatement',
    parameters: {
      Sqls: ['TRUNCATE report', 'INSERT INTO report SELECT 1'],
      Database: 'dev',
      ClusterIdentifier: 'etl',
    },
  },
  submit: 'BatchExecuteStatement',
};
