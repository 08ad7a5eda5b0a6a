import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';

export interface RunName {
  workflowId: string;
  runId: string;
}

/** A place in line for one more slot. */
export interface Want {
  /** Unique within the run. */
  id: number;
  /** For people. */
  step: string;
  /** 1 before 5. */
  priority: number;
}

/** What a run asks of a pool. A run asks one thing after the other, so that the number tells what was asked before. */
export interface SlotsAsk {
  run: RunName;
  number: number;
  wants: Want[];
  /** By what it knows: how many slots it has, and the ids of what it has in line beside what it wants. */
  has?: { slots: number; inLine: number[] };
}

export interface SlotsAnswer {
  /** The ids of those that have their slot. */
  granted: number[];
  /** The places of the others that were asked for, by id, from 1 on. */
  places: Record<number, number>;
  /** Other runs wait, too: a slot that becomes free is to be given back, and not used again by the run itself. */
  isNeeded: boolean;
}

/** From a worker: what its runs ask at about the same time. */
export interface PoolRequest {
  /** The limit that the worker knows. */
  slots: number;
  /** Milliseconds since 1970: when the worker read it. The newest word counts. */
  slotsAsOfMs: number;
  asks: SlotsAsk[];
}

/** Answers each ask, in their order. What was asked before is answered again, and changes nothing. */
export const askPool = defineUpdate<SlotsAnswer[], [PoolRequest]>('ask');

/** What a run no longer needs: slots, and places in line by their ids. */
export interface SlotsReturn {
  run: RunName;
  slots: number;
  left: number[];
}

export const returnSlotsSignal = defineSignal<[SlotsReturn]>('returnSlots');

/** To a run: what it had been in line for, and whether others wait. */
export interface SlotsNews {
  pool: string;
  granted: number[];
  isNeeded: boolean;
}

export const slotsSignal = defineSignal<[SlotsNews]>('slots');

/** The places in line of a run, by its steps. */
export const placesQuery = defineQuery<Record<string, number>, [RunName]>('places');

/** The workflow id of a pool: the limits of a project are those of the runs on its task queue. */
export function poolWorkflowId(taskQueue: string, name: string): string {
  return `pool:${taskQueue}/${name}`;
}
