import type { ContractCase } from '../contractCase';
import { athena } from './athena';
import { dynamodbExport } from './dynamodbExport';
import { emrServerless } from './emrServerless';
import { glueJobs } from './glueJobs';
import { redshiftBatch, redshiftStatement } from './redshiftData';

/** Every runner that submits its jobs to a service. */
export const CASES: readonly ContractCase[] = [
  glueJobs,
  athena,
  emrServerless,
  redshiftStatement,
  redshiftBatch,
  dynamodbExport,
];
