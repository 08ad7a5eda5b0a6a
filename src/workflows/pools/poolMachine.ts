import type { PoolRequest, RunName, SlotsAnswer, SlotsAsk, SlotsReturn, Want } from '../../contracts/pools';
import { byteLength } from '../steps/byteLength';
import type { HistorySize } from '../machineLoop';

/** How long a pool that nobody uses goes on. */
const LINGER_MS = 10 * 60_000;
/** While somebody waits, it is looked whether the runs that hold slots still go on: soon, and then ever less often. */
const LOOK_AFTER_MS = { first: 5_000, most: 30_000 };
/** How many of the runs in line are looked at beside those that hold slots. */
const LOOKED_AT_IN_LINE = 100;
/** For so long an ask may come a second time, from a worker that stood still. */
const ASKED_MS = 3_600_000;
const ASKED_RUNS = 2_000;
/** Continue as new well before the server suggests it (4,096 events or 4 MiB), or refuses updates (2,000). */
const HISTORY_LIMIT = { events: 2_000, bytes: 2 * 1024 * 1024 };
/** Below the 2 MiB of a payload. */
const CARRY_BYTES = 1.5 * 1024 * 1024;

/** A run as its pool sees it. */
interface Holder {
  run: RunName;
  slots: number;
  /** Milliseconds since 1970: since when it has had any. */
  sinceMs: number;
  /** What it was told last of whether others wait. */
  knowsNeed: boolean;
  /** What it was in line for, has now, and was not told of. */
  untold: number[];
}

interface Waiting extends Want {
  run: RunName;
  sinceMs: number;
}

/** Something to be done outside; its end is told to the machine by the method named beside it. */
export type PoolWork =
  /** `told` */
  | { kind: 'tell run'; run: RunName; granted: number[]; isNeeded: boolean }
  /** `looked` */
  | { kind: 'look at runs'; runs: RunName[] };
type WorkOf<K extends PoolWork['kind']> = Extract<PoolWork, { kind: K }>;

export interface PoolPlan {
  work: PoolWork[];
  /** What the next history begins with. */
  carried: CarriedPool | null;
  /** Nobody has used the pool for a while. */
  isOver: boolean;
}

/** What a pool carries over when it continues as new. Plain JSON; a run is written once, however long its line. */
export interface CarriedPool {
  slots: number;
  slotsAsOfMs: number;
  runs: [workflowId: string, runId: string][];
  holders: [run: number, slots: number, sinceMs: number, knowsNeed: boolean, untold: number[]][];
  waiting: [run: number, id: number, step: string, priority: number, sinceMs: number][];
  asked: [runId: string, number: number, atMs: number][];
  goOn?: [runId: string, goesOn: string][];
  unheard?: string[];
}

/** A change of the rules, which does not hold in histories that began before it: resets are known by the word of the run that goes on. */
type Change = 'resets-are-heard';

export interface PoolUse {
  slots: number;
  holders: readonly Holder[];
  waiting: readonly Waiting[];
}

/**
 * The slots of one pool and the line for them, without any clock, server or service: told what has happened, it says what is
 * to be done. Slots belong to runs, which use them for one job after the other. What a run wants is
 * - in line: behind all of its priority and of higher ones that came before, until a slot is free;
 * - granted: in the answer to its ask, or by a signal when it had to wait. The slot is the run's until it returns it.
 *
 * While runs wait, those that hold slots know it and return each slot with the end of its job. Otherwise a run goes on with
 * the slots that it has, and its jobs cost the pool nothing.
 *
 * No more slots than the limit are ever given out; when the limit becomes smaller, those above it end by themselves. A run
 * that ends without a word (it was terminated) is found while somebody waits, and its slots are given to the next. Slots of
 * a run that was reset are those of the run that goes on, which says with its next ask what it has: it may have forgotten what
 * it was granted, or have yet to do what it has returned a slot after.
 */
export class PoolMachine {
  private slots: number;
  private slotsAsOfMs: number;
  /** By run id. */
  private readonly holders = new Map<string, Holder>();
  /** In the order of their turn. */
  private waiting: Waiting[] = [];
  /** The number of the last ask of each run, and when it came. */
  private readonly asked = new Map<string, { number: number; atMs: number }>();
  private readonly underWay = new Set<PoolWork>();
  /** The run of each workflow id that has asked, or returned something, last. */
  private readonly newest = new Map<string, string>();
  /** For each run that was reset, the one that goes on. */
  private readonly goOn: Map<string, string>;
  /** Runs that go on with one that was reset, and have not said what they have. */
  private readonly unheard: Set<string>;
  /** The ids of runs that no signal reaches: they have ended, or were reset. */
  private readonly missing = new Set<string>();
  private limit = HISTORY_LIMIT;
  private lookAfterMs = LOOK_AFTER_MS.first;
  private lookAtMs: number | null = null;
  private emptySinceMs: number | null = null;

  constructor(
    carried: CarriedPool | null,
    nowMs: number,
    /** Whether a change holds in this history: Temporal's `patched`. */
    private readonly knows: (change: Change) => boolean = () => true,
  ) {
    this.goOn = new Map(carried?.goOn);
    this.unheard = new Set(carried?.unheard);
    this.slots = carried?.slots ?? 0;
    this.slotsAsOfMs = carried?.slotsAsOfMs ?? 0;
    const runs = (carried?.runs ?? []).map(([workflowId, runId]): RunName => ({ workflowId, runId }));
    for (const [at, slots, sinceMs, knowsNeed, untold] of carried?.holders ?? [])
      this.holders.set(runs[at]!.runId, { run: runs[at]!, slots, sinceMs, knowsNeed, untold });
    for (const [at, id, step, priority, sinceMs] of carried?.waiting ?? [])
      this.waiting.push({ run: runs[at]!, id, step, priority, sinceMs });
    for (const [runId, number, atMs] of carried?.asked ?? []) this.asked.set(runId, { number, atMs });
    for (const { workflowId, runId } of runs) this.newest.set(workflowId, runId);
    this.settle(nowMs);
  }

  // What happens.

  ask({ slots, slotsAsOfMs, asks }: PoolRequest, nowMs: number): SlotsAnswer[] {
    if (slotsAsOfMs >= this.slotsAsOfMs) {
      this.slots = slots;
      this.slotsAsOfMs = slotsAsOfMs;
    }
    const heard = asks.map((ask) => ({ ...ask, run: this.hear(ask.run, ask.has) }));
    const fresh = heard.map((ask) => this.enter(ask, nowMs));
    this.settle(nowMs);
    return heard.map((ask, i) => this.answer(ask, fresh[i]!));
  }

  returned({ run: named, slots, left }: SlotsReturn, nowMs: number): void {
    const run = this.hear(named);
    const holder = this.holders.get(run.runId);
    if (holder !== undefined) holder.slots = Math.max(0, holder.slots - slots);
    if (left.length > 0)
      this.waiting = this.waiting.filter(
        (other) => other.run.runId !== run.runId || !left.includes(other.id),
      );
    this.settle(nowMs);
  }

  /** The places in line of one run, by its steps: of a step that is there twice, the first. */
  placesOf({ runId }: RunName): Record<string, number> {
    const places: Record<string, number> = {};
    for (const [i, { run, step }] of this.waiting.entries()) if (run.runId === runId) places[step] ??= i + 1;
    return places;
  }

  use(): PoolUse {
    return { slots: this.slots, holders: [...this.holders.values()], waiting: this.waiting };
  }

  // How work has ended.

  /** @param isThere whether the run was */
  told(work: WorkOf<'tell run'>, isThere: boolean, nowMs: number): void {
    this.underWay.delete(work);
    const holder = this.holders.get(work.run.runId);
    if (holder !== undefined && isThere) {
      holder.untold = holder.untold.filter((id) => !work.granted.includes(id));
      holder.knowsNeed = work.isNeeded;
    }
    if (!isThere) {
      this.missing.add(work.run.runId);
      this.lookAtMs = nowMs;
    }
    this.settle(nowMs);
  }

  /** @param runIds of the run that goes on, or null when it has ended, for each run */
  looked(work: WorkOf<'look at runs'>, runIds: readonly (string | null)[], nowMs: number): void {
    this.underWay.delete(work);
    for (const [i, { runId }] of work.runs.entries()) {
      const goesOn = runIds[i] ?? null;
      if (goesOn === null) this.forget(runId);
      else if (goesOn !== runId) this.follow(runId, goesOn);
    }
    this.missing.clear();
    // Where one has died, others may.
    const isNews = runIds.some((runId) => runId === null);
    this.lookAfterMs = isNews ? LOOK_AFTER_MS.first : Math.min(2 * this.lookAfterMs, LOOK_AFTER_MS.most);
    this.endLook(nowMs);
  }

  /** It is looked again soon. */
  lookFailed(work: WorkOf<'look at runs'>, nowMs: number): void {
    this.underWay.delete(work);
    this.lookAfterMs = LOOK_AFTER_MS.first;
    this.endLook(nowMs);
  }

  // What is to be done.

  isDue(nowMs: number, history: HistorySize): boolean {
    if (this.isFull(history)) return this.underWay.size === 0;
    return this.newsDue().length > 0 || this.isLookDue(nowMs) || this.isOver(nowMs);
  }

  /** When something is due by time alone, if nothing happens before: milliseconds since 1970. */
  dueAtMs(nowMs: number): number {
    if (this.lookAtMs !== null && !this.isLooking()) return Math.max(nowMs, this.lookAtMs);
    return this.emptySinceMs === null ? nowMs + 86_400_000 : this.emptySinceMs + LINGER_MS;
  }

  /** Takes what is to be done now. */
  next(nowMs: number, history: HistorySize): PoolPlan {
    const plan: PoolPlan = { work: [], carried: null, isOver: false };
    if (this.isFull(history)) {
      if (this.underWay.size === 0) this.handOver(plan, nowMs);
    } else if (this.isOver(nowMs)) plan.isOver = true;
    else {
      plan.work.push(...this.newsDue());
      if (this.isLookDue(nowMs)) plan.work.push({ kind: 'look at runs', runs: this.runsToLookAt() });
    }
    for (const work of plan.work) this.underWay.add(work);
    return plan;
  }

  /** All that the machine knows; nothing may be under way. */
  carry(nowMs: number): CarriedPool {
    const indexes = new Map<string, number>();
    const runs: CarriedPool['runs'] = [];
    const indexOf = ({ workflowId, runId }: RunName): number => {
      const index = indexes.get(runId) ?? runs.push([workflowId, runId]) - 1;
      indexes.set(runId, index);
      return index;
    };
    const asked = [...this.asked].filter(([, { atMs }]) => atMs > nowMs - ASKED_MS).slice(-ASKED_RUNS);
    return {
      slots: this.slots,
      slotsAsOfMs: this.slotsAsOfMs,
      runs,
      holders: [...this.holders.values()].map(({ run, slots, sinceMs, knowsNeed, untold }) => [
        ...([indexOf(run), slots, sinceMs, knowsNeed] as const),
        untold,
      ]),
      waiting: this.waiting.map(({ run, id, step, priority, sinceMs }) => [
        ...([indexOf(run), id, step, priority] as const),
        sinceMs,
      ]),
      asked: asked.map(([runId, { number, atMs }]) => [runId, number, atMs]),
      ...(this.goOn.size === 0 ? {} : { goOn: [...this.goOn].slice(-ASKED_RUNS) }),
      ...(this.unheard.size === 0 ? {} : { unheard: [...this.unheard].slice(-ASKED_RUNS) }),
    };
  }

  /**
   * A word of a run: of one workflow id one run is open, so that all before it have ended.
   * @returns the run that it is of: one that was asked for before a reset may be sent again in the name of the run before
   */
  private hear(named: RunName, has?: SlotsAsk['has']): RunName {
    const run = { ...named, runId: this.goOn.get(named.runId) ?? named.runId };
    const { workflowId, runId } = run;
    const before = this.newest.get(workflowId);
    this.newest.set(workflowId, runId);
    if (before !== undefined && before !== runId && this.knows('resets-are-heard'))
      this.follow(before, runId);
    if (has === undefined || !this.unheard.delete(runId)) return run;
    const holder = this.holders.get(runId);
    if (holder !== undefined) Object.assign(holder, { slots: has.slots, untold: [] });
    this.waiting = this.waiting.filter((one) => one.run.runId !== runId || has.inLine.includes(one.id));
    return run;
  }

  private handOver(plan: PoolPlan, nowMs: number): void {
    const carried = this.carry(nowMs);
    if (byteLength(carried) <= CARRY_BYTES) plan.carried = carried;
    // Some 10,000 runs are in line: the history grows until they are fewer.
    else this.limit = { events: 2 * this.limit.events, bytes: 2 * this.limit.bytes };
  }

  private endLook(nowMs: number): void {
    this.lookAtMs = null;
    this.settle(nowMs);
  }

  /** Puts in line what was not asked before; returns whether it was new. */
  private enter({ run, number, wants }: SlotsAsk, nowMs: number): boolean {
    if (number <= (this.asked.get(run.runId)?.number ?? 0)) return false;
    // Those that have asked last are the last to be forgotten.
    this.asked.delete(run.runId);
    this.asked.set(run.runId, { number, atMs: nowMs });
    for (const want of wants) {
      const behind = this.waiting.findLastIndex(({ priority }) => priority <= want.priority);
      this.waiting.splice(behind + 1, 0, { ...want, run, sinceMs: nowMs });
    }
    return true;
  }

  /** What is granted by a first answer needs no signal; a second may go to a worker that nobody listens to any more. */
  private answer({ run: { runId }, number, wants }: SlotsAsk, isFresh: boolean): SlotsAnswer {
    const isNeeded = this.isNeededBeside(runId);
    // Nobody reads the answer to an ask of long ago.
    if (!isFresh && number !== this.asked.get(runId)?.number) return { granted: [], places: {}, isNeeded };
    const missing = new Set(wants.map(({ id }) => id));
    const places: SlotsAnswer['places'] = {};
    for (let i = this.waiting.length - 1; i >= 0 && missing.size > 0; i--) {
      const { run, id } = this.waiting[i]!;
      if (run.runId === runId && missing.delete(id)) places[id] = i + 1;
    }
    const holder = this.holders.get(runId);
    if (holder !== undefined && isFresh) {
      holder.untold = holder.untold.filter((id) => !missing.has(id));
      holder.knowsNeed = isNeeded;
    }
    return { granted: [...missing], places, isNeeded };
  }

  /** Gives out what is free, and sets the times by what is so now. */
  private settle(nowMs: number): void {
    let given = 0;
    for (const { slots } of this.holders.values()) given += slots;
    const free = Math.max(0, this.slots - given);
    for (const { run, id } of this.waiting.splice(0, free)) {
      let holder = this.holders.get(run.runId);
      if (holder === undefined)
        this.holders.set(
          run.runId,
          (holder = { run, slots: 0, sinceMs: nowMs, knowsNeed: false, untold: [] }),
        );
      holder.slots++;
      holder.untold.push(id);
    }
    for (const [runId, { slots }] of this.holders) if (slots === 0) this.holders.delete(runId);
    if (this.waiting.length === 0 && this.missing.size === 0) {
      this.lookAtMs = null;
      this.lookAfterMs = LOOK_AFTER_MS.first;
    } else this.lookAtMs ??= nowMs + this.lookAfterMs;
    this.emptySinceMs = this.isEmpty() ? (this.emptySinceMs ?? nowMs) : null;
  }

  private isNeededBeside(runId: string): boolean {
    return this.waiting.some(({ run }) => run.runId !== runId);
  }

  /** What runs are to be told: what they were granted, and that others wait. That nobody waits any more is told with the next. */
  private newsDue(): WorkOf<'tell run'>[] {
    const news: WorkOf<'tell run'>[] = [];
    for (const { run, untold, knowsNeed } of this.holders.values()) {
      const isTelling = [...this.underWay].some(
        (work) => work.kind === 'tell run' && work.run.runId === run.runId,
      );
      if (isTelling || this.missing.has(run.runId)) continue;
      const isNeeded = this.isNeededBeside(run.runId);
      if (untold.length > 0 || (isNeeded && !knowsNeed))
        news.push({ kind: 'tell run', run, granted: [...untold], isNeeded });
    }
    return news;
  }

  private runsToLookAt(): RunName[] {
    const runs = new Map([...this.holders.values()].map(({ run }) => [run.runId, run]));
    for (const { run } of this.waiting.slice(0, LOOKED_AT_IN_LINE)) runs.set(run.runId, run);
    return [...runs.values()];
  }

  private forget(runId: string): void {
    this.holders.delete(runId);
    this.waiting = this.waiting.filter(({ run }) => run.runId !== runId);
  }

  /** What was of a run is of the one that goes on with it. */
  private follow(runId: string, goesOn: string): void {
    const isHeard = this.knows('resets-are-heard');
    const holder = this.holders.get(runId);
    this.holders.delete(runId);
    const other = this.holders.get(goesOn);
    if (holder !== undefined)
      this.holders.set(goesOn, {
        ...holder,
        run: { ...holder.run, runId: goesOn },
        // It was told so by an answer, perhaps, that the reset has undone.
        ...(isHeard ? { knowsNeed: false } : {}),
        slots: holder.slots + (other?.slots ?? 0),
        untold: [...holder.untold, ...(other?.untold ?? [])],
      });
    this.waiting = this.waiting.map((one) =>
      one.run.runId === runId ? { ...one, run: { ...one.run, runId: goesOn } } : one,
    );
    if (isHeard) {
      for (const [ended, next] of this.goOn) if (next === runId) this.goOn.set(ended, goesOn);
      this.goOn.set(runId, goesOn);
      this.unheard.add(goesOn);
      return;
    }
    const asked = this.asked.get(runId);
    if (asked !== undefined && !this.asked.has(goesOn)) this.asked.set(goesOn, asked);
  }

  private isLooking(): boolean {
    return [...this.underWay].some(({ kind }) => kind === 'look at runs');
  }

  private isLookDue(nowMs: number): boolean {
    return this.lookAtMs !== null && this.lookAtMs <= nowMs && !this.isLooking();
  }

  private isEmpty(): boolean {
    return this.holders.size === 0 && this.waiting.length === 0 && this.underWay.size === 0;
  }

  private isOver(nowMs: number): boolean {
    return this.isEmpty() && this.emptySinceMs !== null && nowMs - this.emptySinceMs >= LINGER_MS;
  }

  private isFull({ events, bytes }: HistorySize): boolean {
    return events > this.limit.events || bytes > this.limit.bytes;
  }
}
