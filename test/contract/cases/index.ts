import type { ContractCase } from '../contractCase';
import { emrClusters, emrSteps } from './emr';
import { glueCrawlers } from './glueCrawlers';
import { glueJobs } from './glueJobs';

/** Every runner that submits its jobs to a service. */
export const CASES: readonly ContractCase[] = [glueJobs, glueCrawlers, emrClusters, emrSteps];
