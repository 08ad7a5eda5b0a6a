import {
  CancellationScope,
  condition,
  getExternalWorkflowHandle,
  patched,
  proxyActivities,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../../contracts/activities';
import type { Failure } from '../../contracts/messages';
import {
  poolWorkflowId,
  returnSlotsSignal,
  type RunName,
  type SlotsAnswer,
  type SlotsNews,
} from '../../contracts/pools';
import type { Job } from '../../jobs';
import type { JobOptions } from '../../pipelines';
import { formatDuration } from '../../pipelines/duration';
import { findNearest } from '../../pipelines/nearest';
import { asApplicationFailure, isReportable } from './failures';

const { askSlots } = proxyActivities<Activities>({
  // A worker that dies meanwhile is noticed this late.
  startToCloseTimeout: '15 s',
  retry: { initialInterval: '1 s', maximumInterval: '30 s' },
});

const DEFAULT_PRIORITY = 3;

export interface TakeSlots {
  step: string;
  resource: Job['resource'];
  options: Pick<JobOptions, 'pool' | 'priority'>;
  /** How long it may be in line in all, and when that is over (ms since 1970). */
  inLineForMs: number;
  endsAtMs: number;
  /** Hears of it while the job is in line; the place is that of the moment at which the pool was asked. */
  onLine: (pool: { name: string; place: number | null }) => void;
}

/** The slots of pools that a run has: for each job that of its resource, and of the pool that it names, where there are such. */
export class Slots {
  private readonly pools = new Map<string, PoolSlots>();
  /** The names of the pools; null when limits are not kept. */
  private limits: readonly string[] | null = [];

  useLimits(limits: readonly string[] | null): void {
    this.limits = limits;
  }

  /** Whether a job has to take slots: one that names a pool that there is not has to be told so. */
  areNeeded(resource: Job['resource'], { pool }: TakeSlots['options']): boolean {
    return this.limits !== null && (pool !== undefined || this.limits.includes(resource));
  }

  /**
   * Takes a slot of each pool, one after the other. The order is the same for all jobs, so no two wait for each other.
   * @returns what gives them back
   * @throws ApplicationFailure InvalidJob for a pool that the project does not have, NoCapacity when the time is over
   */
  async take(taking: TakeSlots): Promise<() => void> {
    const held: PoolSlots[] = [];
    const giveBack = () => {
      for (const pool of held.splice(0)) pool.giveBack();
    };
    try {
      for (const name of this.poolsOf(taking)) {
        const pool = this.poolOf(name);
        await pool.take(taking);
        held.push(pool);
      }
    } catch (error) {
      giveBack();
      throw error;
    }
    return giveBack;
  }

  receive({ pool, granted, isNeeded }: SlotsNews): void {
    this.pools.get(pool)?.receive(granted, isNeeded);
  }

  get areClosed(): boolean {
    return this.pools.size === 0;
  }

  /** Returns all that the run has; no job may need any more. */
  async close(): Promise<void> {
    await Promise.all([...this.pools.values()].map((pool) => pool.close()));
  }

  private poolsOf({ step, resource, options: { pool } }: TakeSlots): string[] {
    const limits = this.limits ?? [];
    if (pool !== undefined && !limits.includes(pool)) {
      const nearest = findNearest(pool, limits);
      const hint = nearest === undefined ? '' : ` Did you mean "${nearest}"?`;
      const message = `${step}: the pool "${pool}" is not among the limits of sluice.config.ts.${hint} Add it with its number.`;
      throw asApplicationFailure({ code: 'InvalidJob', message, step });
    }
    const names = new Set<string>([resource, ...(pool === undefined ? [] : [pool])]);
    return [...names].filter((name) => limits.includes(name)).sort();
  }

  private poolOf(name: string): PoolSlots {
    let pool = this.pools.get(name);
    if (pool === undefined) this.pools.set(name, (pool = new PoolSlots(name)));
    return pool;
  }
}

/** A job that wants a slot. */
interface Claim {
  taking: TakeSlots;
  priority: number;
  isServed: boolean;
}

/**
 * One pool as its run sees it. A slot is
 * - in use by a job;
 * - idle, for as long as one task of the workflow takes: the next job takes it, when there is one and no other run waits;
 * - returned, else.
 *
 * What the run has in line stands for any of its jobs: a slot that it is granted goes to the first of them.
 */
class PoolSlots {
  private readonly run: RunName;
  private readonly poolId: string;
  private idle = 0;
  /** Those in use, too. */
  private slots = 0;
  private isNeeded = false;
  /** Jobs without a slot, in the order of their turn. */
  private claims: Claim[] = [];
  /** What the run has in line or is asking for, by priority and then by turn. */
  private places: { id: number; priority: number }[] = [];
  /** Places that the run has left, and that may have been granted to it at the same time. */
  private readonly left = new Set<number>();
  private lastId = 0;
  private asks = 0;
  private readonly exchanging: Promise<void>;
  /** Returns that the server has not confirmed. */
  private returning = 0;
  private isClosed = false;

  constructor(private readonly name: string) {
    const { workflowId, runId, taskQueue } = workflowInfo();
    this.run = { workflowId, runId };
    this.poolId = poolWorkflowId(taskQueue, name);
    // Slots are returned by a cancelled run, too.
    this.exchanging = CancellationScope.nonCancellable(() => this.keepExchanging());
  }

  /** @throws ApplicationFailure NoCapacity when the time is over */
  async take(taking: TakeSlots): Promise<void> {
    if (this.idle > 0 && !this.isNeeded && this.claims.length === 0) {
      this.idle--;
      return;
    }
    const claim: Claim = {
      taking,
      priority: taking.options.priority ?? DEFAULT_PRIORITY,
      isServed: false,
    };
    const behind = this.claims.findLastIndex(({ priority }) => priority <= claim.priority);
    this.claims.splice(behind + 1, 0, claim);
    try {
      const remainingMs = Math.max(1, taking.endsAtMs - Date.now());
      if (!(await condition(() => claim.isServed, remainingMs))) throw this.toFailure(taking);
    } catch (error) {
      if (claim.isServed) this.giveBack();
      this.claims = this.claims.filter((other) => other !== claim);
      throw error;
    }
  }

  giveBack(): void {
    this.idle++;
    if (!this.isNeeded) this.serve();
  }

  receive(granted: readonly number[], isNeeded: boolean): void {
    this.isNeeded = isNeeded;
    for (const id of granted) {
      const index = this.places.findIndex((place) => place.id === id);
      // The answer and a signal may tell of one slot both.
      if (index < 0 && !this.left.delete(id)) continue;
      if (index >= 0) this.places.splice(index, 1);
      this.slots++;
      this.idle++;
      this.serve();
    }
  }

  async close(): Promise<void> {
    this.isClosed = true;
    // A confirmation that comes while the run ends would have the server refuse its end, and the whole run be replayed.
    if (this.returning > 0 && patched('returns-confirmed')) await condition(() => this.returning === 0);
    await this.exchanging;
    // Nor does the server send what a run signals in the task that it ends with: the pool would look for its slot in vain.
    if (this.returning > 0 && patched('last-return-confirmed')) await condition(() => this.returning === 0);
  }

  private serve(): void {
    const claim = this.idle > 0 ? this.claims.shift() : undefined;
    if (claim === undefined) return;
    this.idle--;
    claim.isServed = true;
  }

  /** A condition is looked at when everything else of a workflow task is done. */
  private async keepExchanging(): Promise<void> {
    for (;;) {
      await condition(() => this.isClosed || this.isReturnDue() || this.isAskDue());
      if (this.isReturnDue()) this.returnSlots();
      if (this.isAskDue()) await this.ask();
      else if (this.isClosed) return;
    }
  }

  private isReturnDue(): boolean {
    return this.idle > 0 || this.places.length > this.claims.length;
  }

  private isAskDue(): boolean {
    return this.claims.length > this.places.length;
  }

  private returnSlots(): void {
    const left = this.places.splice(this.claims.length).map(({ id }) => id);
    for (const id of left) this.left.add(id);
    const slots = this.idle;
    this.slots -= slots;
    this.idle = 0;
    const pool = getExternalWorkflowHandle(this.poolId);
    this.returning++;
    pool
      .signal(returnSlotsSignal, { run: this.run, slots, left })
      .catch((error: unknown) => {
        // A pool that is not there knows of no slots.
        if (!isReportable(error)) throw error;
      })
      .finally(() => this.returning--);
  }

  private async ask(): Promise<void> {
    const has = { slots: this.slots, inLine: this.places.map(({ id }) => id) };
    const wants = this.claimsWithoutPlace().map(({ taking, priority }) => {
      const id = ++this.lastId;
      this.places.push({ id, priority });
      return { id, step: taking.step, priority };
    });
    this.places.sort((a, b) => a.priority - b.priority || a.id - b.id);
    const ask = { run: this.run, number: ++this.asks, wants, has };
    const summary = `ask the pool ${this.name} for ${wants.length} ${wants.length === 1 ? 'slot' : 'slots'}`;
    const answer = await askSlots.executeWithOptions({ summary }, [this.name, ask]);
    this.receive(answer.granted, answer.isNeeded);
    this.tellPlaces(answer);
  }

  /** As many as there are more claims than places, the most urgent first. */
  private claimsWithoutPlace(): Claim[] {
    const places = this.places.map(({ priority }) => priority);
    const without = this.claims.filter(({ priority }) => {
      const index = places.indexOf(priority);
      if (index >= 0) places.splice(index, 1);
      return index < 0;
    });
    return without.slice(0, this.claims.length - this.places.length);
  }

  private tellPlaces({ places }: SlotsAnswer): void {
    for (const [i, { taking }] of this.claims.entries()) {
      const place = places[this.places[i]?.id ?? 0];
      if (place !== undefined) taking.onLine({ name: this.name, place });
    }
  }

  private toFailure({ step, inLineForMs }: TakeSlots): Error {
    const failure: Failure = {
      code: 'NoCapacity',
      message:
        `${step}: no slot of the pool ${this.name} came free within ${formatDuration(inLineForMs)}. ` +
        `Raise "${this.name}" in the limits of sluice.config.ts, or the job's capacityTimeout.`,
      step,
    };
    return asApplicationFailure(failure);
  }
}
