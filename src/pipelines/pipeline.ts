import { SluiceError } from '../errors';
import type { Resource } from '../jobs';
import type { Fields } from './input';
import { findNearest } from './nearest';

/** One pipeline, described for people and for the parts that start it. */
export interface Pipeline {
  /** The name people use, and the workflow type. */
  name: string;
  about: string;
  input: Fields;
  /** What is wrong between fields that are right each by itself. */
  findProblems?: (input: Record<string, unknown>) => string[];
  /** The patterns on which it waits, for a checked input. */
  sources: (input: Record<string, unknown>) => string[];
  /** The patterns whose objects start a run each, for a checked input, where somebody asks for it (`start --on-arrival`). */
  startedBy?: (input: Record<string, unknown>) => string[];
  /** The AWS resources that its jobs use, for `sluice doctor`; with its default input unless it says otherwise. */
  resources?: readonly Resource[];
  /** The usual schedule, as a Temporal cron string, or null. */
  schedule: { cron: string; about: string } | null;
}

/**
 * What a failed step leads to: a failed run, the state `completed with fallback`, or a failed run whose work is undone, as that of
 * one that is cancelled.
 */
export type OnFailure = 'fail' | 'fallback' | 'undo';

/** @throws SluiceError UnknownPipeline with the nearest name */
export function findPipeline<P extends { name: string }>(name: string, pipelines: readonly P[]): P {
  const found = pipelines.find((pipeline) => pipeline.name === name);
  if (found) return found;
  const names = pipelines.map((pipeline) => pipeline.name);
  const nearest = findNearest(name, names);
  const hint = nearest === undefined ? '' : ` Did you mean "${nearest}"?`;
  throw new SluiceError(
    'UnknownPipeline',
    `No pipeline is called "${name}".${hint} There are: ${names.join(', ') || 'none'}.`,
  );
}
