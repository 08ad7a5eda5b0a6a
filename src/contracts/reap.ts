import type { JobReference, Resource, StopResult } from '../jobs';
import type { Submission } from './activities';

/** The workflow type that stops what ended runs have left running. */
export const REAP_WORKFLOW = 'reap';

export interface ReapInput {
  /** Milliseconds: runs that ended longer ago are not looked at. */
  withinMs: number;
  /** Milliseconds: runs that ended less long ago are not looked at, since somebody may want to go on with them. */
  graceMs: number;
  /** Only tell what there is. */
  dryRun: boolean;
}

/** A job that an ended run has left, as its history tells it. */
export interface LeftJob {
  runId: string;
  submission: Submission;
  reference: JobReference | null;
}

export interface LeftJobs {
  /** How many ended runs were looked at. */
  runs: number;
  left: LeftJob[];
  /** There are more than one turn takes. */
  more: boolean;
}

export interface ReapedJob {
  run: string;
  runId: string;
  step: string;
  resource: Resource;
  externalId: string | null;
  url: string | null;
  outcome: StopResult['outcome'] | 'left running';
  message: string | null;
}

export interface ReapResult {
  runs: number;
  jobs: ReapedJob[];
  more: boolean;
}
