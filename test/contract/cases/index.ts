import type { ContractCase } from '../contractCase';
import { athena } from './athena';
import { emrServerless } from './emrServerless';
import { emrClusters, emrSteps } from './emr';
import { glueCrawlers } from './glueCrawlers';
import { glueJobs } from './glueJobs';
import { redshiftBatch, redshiftStatement } from './redshiftData';

/** Every runner that submits its jobs to a service. */
export const CASES: readonly ContractCase[] = [
  glueJobs,
  glueCrawlers,
  athena,
  emrClusters,
  emrSteps,
  emrServerless,
  redshiftStatement,
  redshiftBatch,
];
