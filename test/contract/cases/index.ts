import type { ContractCase } from '../contractCase';
import { glueJobs } from './glueJobs';

/** Every runner that submits its jobs to a service. */
export const CASES: readonly ContractCase[] = [glueJobs];
