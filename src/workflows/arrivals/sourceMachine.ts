import type { StartOutcome } from '../../contracts/activities';
import type {
  ArrivalsInput,
  RetryReport,
  SeenArrival,
  Subscription,
  Trigger,
  TriggerStatus,
} from '../../contracts/messages';
import type { Arrival } from '../../pipelines';
import { asShown, isSameVersion, isSince } from '../../pipelines/arrival';
import { hasContent } from '../../pipelines/arrivalRule';
import { matchesPattern } from '../../pipelines/patterns';
import { byteLength } from '../steps/byteLength';
import { Packer, unpack, type Carried, type Retention } from './carry';
import {
  before,
  earliest,
  indexByPattern,
  isSameRun,
  isSameSubscription,
  isSameTrigger,
  miss,
  newSubscription,
  newTrigger,
  OVERLAP_MS,
  pendingBytes,
  subscriptionFloor,
  TRIGGER_OVERLAP_MS,
  triggerFloor,
  triggerListingFloor,
  type RunName,
  type SubscriptionListener,
  type TriggerListener,
  type TriggerName,
} from './listeners';
import { Listings, type Listing, type ListingTrouble } from './listing';
import { ArrivalMemory, bytesOf } from './memory';
import {
  giveBack,
  isSendable,
  settleBatch,
  startDueMs,
  takeSignals,
  takeStarts,
  type Signal,
  type StartBatch,
} from './outbox';
import { StartedRuns } from './startedRuns';
import type { HistorySize } from '../machineLoop';

/** How long an arrival is remembered. Older ones are still in S3, and the listing finds them. */
const MEMORY_AGE_MS = 14 * 86_400_000;
const MEMORY_LIMIT = { entries: 2_000, bytes: 512 * 1024 };
/** A source that nobody waits on and that remembers nothing ends after this. */
const LINGER_MS = 60_000;
/** What is pending for all triggers; the next listing finds what there is no room for. */
const TRIGGER_PENDING_BYTES = 512 * 1024;
/** With so much to start, no further page is listed. */
const BACKLOG_BYTES = 128 * 1024;
/** Before the server has told its retention, it is taken to be the shortest that there is. */
const SHORTEST_RETENTION_MS = 3_600_000;
/** At most 2,000 signals of one workflow may be under way. */
const TOLD_AT_ONCE = 500;
const READ_RETENTION_EVERY_MS = 86_400_000;
/** Continue as new well before the server suggests it (4,096 events or 4 MiB). */
const HISTORY_LIMIT = { events: 2_000, bytes: 2 * 1024 * 1024 };
/** Below the 2 MiB of a payload. */
const CARRY_BYTES = 1.5 * 1024 * 1024;

/** Something to be done outside; its end is told to the machine by the method named beside it. */
export type Work =
  /** `checked` */
  | { kind: 'check stored'; arrivals: Arrival[]; newcomers: SubscriptionListener[] }
  /** `signalled` */
  | { kind: 'signal runs'; signals: Signal[] }
  /** `resetsFound` */
  | { kind: 'find resets'; unsent: Signal[] }
  /** `started` */
  | { kind: 'start runs'; batch: StartBatch }
  /** `listed` */
  | { kind: 'list page'; listing: Listing }
  /** `retentionRead` */
  | { kind: 'read retention' }
  /** `told` */
  | { kind: 'tell runs'; tellings: Telling[] };
type WorkOf<K extends Work['kind']> = Extract<Work, { kind: K }>;

/** What a waiting run is told of the listings of its source. */
export interface Telling {
  of: Subscription;
  report: RetryReport;
}

/** A line for the log of the workflow. */
export interface LogLine {
  level: 'warn' | 'error';
  message: string;
  attributes: Record<string, unknown>;
}

/** Changes of the rules, which do not hold in histories that began before them. */
type Change =
  /** A listing goes before the events that were heard before it. */
  | 'listing-is-newer'
  /** A run is in no listing that begins before it was offered what is remembered. */
  | 'newcomers-are-listed-anew'
  /** Of a key that is told twice at once, the newest version ends a wait for one object. */
  | 'newest-ends-once'
  /** What was replaced while it was checked is offered to nobody. */
  | 'checked-is-newest'
  /** What has started a run and is forgotten starts no second one. */
  | 'forgotten-is-noted'
  /** However often it is listed before, a source that was just started is listed for the second time when it is due. */
  | 'second-listing-is-kept';

/** What is to be done next. */
export interface Plan {
  work: Work[];
  log: LogLine[];
  /** Work that may take long is to be given up, so that the history can be left. */
  abandon: boolean;
  /** What the next history begins with. */
  carried: Carried | null;
  /** Nothing is left to do, ever. */
  isOver: boolean;
}

/**
 * The memory of one source, without any clock, server or service: told what has happened, it says what is to be done. It is
 * - idle: nobody waits; arrivals are remembered, nothing is listed; over when the memory has aged away;
 * - serving: a run waits, or an arrival is to start one; the source is listed at once for each new listener, and then on a
 *   timer, so that a webhook that was down delays a run and loses nothing;
 * - full: its history has grown; nothing is begun, what is under way is given up or awaited, and all that is pending is
 *   carried over to a new history, so that no signal is dropped.
 *
 * At most one work of each kind is under way (of starts, one a trigger), side by side: what hangs holds up nothing else. A
 * work holds its arrivals until it is answered, and an answer that never comes gives them back.
 *
 * An object version starts one run of a trigger. Three things see to it: what is remembered is offered once; what was
 * started is known for as long as a listing may offer it again (`StartedRuns`); and the server refuses the id of a run that
 * it knows. What is older than the server's retention is started from a listing alone, and not at all where the second
 * cannot tell.
 */
export class SourceMachine {
  private readonly memory: ArrivalMemory;
  private readonly startedRuns: StartedRuns;
  private readonly listings: Listings;
  private subscriptions: SubscriptionListener[];
  private triggers: TriggerListener[];
  private retention: Retention;
  private readonly underWay = new Set<Work>();
  /** What events have told while the page of a listing was awaited. */
  private readonly heardSincePage = new Set<Arrival>();
  /** Signals that found no run. */
  private unsent: Signal[] = [];
  private log: LogLine[] = [];
  private isAbandoning = false;
  private emptySinceMs: number | null = null;
  private limit = HISTORY_LIMIT;

  constructor(
    readonly input: ArrivalsInput,
    carried: Carried | null,
    nowMs: number,
    /** Whether a change holds in this history: Temporal's `patched`. */
    private readonly knows: (change: Change) => boolean = () => true,
  ) {
    const pending = carried?.pending ?? [];
    this.memory = new ArrivalMemory(carried?.memory);
    this.startedRuns = new StartedRuns(carried?.startedRuns);
    this.listings = new Listings(input.listEveryMs, nowMs, carried?.listings ?? null);
    this.subscriptions = (carried?.subscriptions ?? []).map((packed) => unpack(packed, pending));
    this.triggers = (carried?.triggers ?? []).map((packed) => unpack(packed, pending));
    this.retention = carried?.retention ?? { ms: SHORTEST_RETENTION_MS, nextReadAtMs: 0 };
  }

  // What happens.

  seen(arrivals: readonly SeenArrival[], nowMs: number): void {
    this.take(arrivals, nowMs, null);
  }

  subscribe(of: Subscription): void {
    this.unsubscribe(of);
    this.subscriptions.push(newSubscription(of));
    this.listings.soon();
  }

  unsubscribe(of: Subscription): void {
    this.subscriptions = this.subscriptions.filter((other) => !isSameSubscription(other.of, of));
  }

  /** A trigger of the same pipeline and pattern takes the place of the one before, with what is on its way to that. */
  addTrigger(of: Trigger, nowMs: number): void {
    let trigger = this.triggers.find((other) => isSameTrigger(other.of, of));
    if (trigger === undefined) this.triggers.push((trigger = newTrigger(of)));
    else {
      if (Date.parse(of.since) < Date.parse(trigger.of.since)) delete trigger.listedTo;
      trigger.of = of;
    }
    const offer = this.offersTo(trigger, nowMs);
    for (const arrival of this.memory.all())
      if (matchesPattern(of.pattern, arrival)) offer({ ...arrival }, false);
    this.listings.soon();
  }

  removeTrigger(of: TriggerName): void {
    this.triggers = this.triggers.filter((other) => !isSameTrigger(other.of, of));
  }

  triggerStatuses(): TriggerStatus[] {
    return this.triggers.map(({ of, setAside }) => ({
      ...of,
      setAside: setAside.map(({ arrival: { bucket, key }, code, message, attempts, nextAtMs }) => ({
        uri: `s3://${bucket}/${key}`,
        code,
        message,
        attempts,
        nextAt: new Date(nextAtMs).toISOString(),
      })),
    }));
  }

  // How work has ended.

  /** @param isStored of each arrival */
  checked(work: WorkOf<'check stored'>, isStored: readonly boolean[]): void {
    this.underWay.delete(work);
    const newcomers = indexByPattern(work.newcomers);
    const isReplaced = (arrival: Arrival) => {
      const known = this.memory.get(arrival.bucket, arrival.key);
      return known !== undefined && !isSameVersion(known, arrival);
    };
    const there = work.arrivals.filter(
      (arrival, i) => isStored[i] !== false && !(isReplaced(arrival) && this.knows('checked-is-newest')),
    );
    for (const arrival of there)
      for (const listener of newcomers.find(arrival))
        if (isSince(arrival, listener.of.since)) listener.pending.push(arrival);
  }

  /** @param isSent of each signal; one that was not found no run */
  signalled(work: WorkOf<'signal runs'>, isSent: readonly boolean[]): void {
    this.underWay.delete(work);
    this.unsent.push(...work.signals.filter((_, i) => !isSent[i]));
  }

  /**
   * What was for a run that has ended goes to the one that it was reset to; without one, it is waited for no more.
   * @param runIds of the run that goes on, or null, for each signal
   */
  resetsFound(work: WorkOf<'find resets'>, runIds: readonly (string | null)[]): void {
    this.underWay.delete(work);
    for (const [i, { listener, of, chunk }] of work.unsent.entries()) {
      const runId = runIds[i] ?? null;
      if (runId !== null) this.follow(of, runId);
      else this.subscriptions = this.subscriptions.filter((own) => !isSameRun(own.of, of));
      if (runId === null) continue;
      const goesOn = { ...of, runId };
      let target = this.subscriptions.find((own) => isSameSubscription(own.of, goesOn));
      if (target === undefined && of.once) {
        // It ended with the signal that nobody got.
        this.subscriptions.push((target = listener));
        listener.of = goesOn;
      }
      if (target === undefined) continue;
      target.pending.unshift(...chunk);
      target.sendAfterMs = 0;
    }
  }

  started(work: WorkOf<'start runs'>, outcomes: readonly StartOutcome[], nowMs: number): void {
    this.underWay.delete(work);
    const { trigger, arrivals } = work.batch;
    for (const [i, outcome] of outcomes.entries()) {
      const { bucket, key } = arrivals[i]!;
      if (outcome.state === 'started')
        this.startedRuns.add(trigger.of.pipeline, { bucket, key, etag: outcome.etag, time: outcome.time });
    }
    const maxPauseMs = this.input.listEveryMs;
    const { newlySetAside, left } = settleBatch(work.batch, outcomes, { nowMs, maxPauseMs });
    for (const arrival of left) miss(trigger, before(arrival.time, TRIGGER_OVERLAP_MS));
    for (const { arrival, code, message } of newlySetAside) {
      this.tell('warn', 'an object could not start its run, and is tried again ever less often', {
        pipeline: trigger.of.pipeline,
        object: `s3://${arrival.bucket}/${arrival.key}`,
        error: `${code}: ${message}`,
      });
    }
  }

  listed(
    work: WorkOf<'list page'>,
    page: { arrivals: readonly Arrival[]; after: string | null },
    nowMs: number,
  ): void {
    this.underWay.delete(work);
    const { listing } = work;
    if (this.listings.current !== listing) return;
    this.take(page.arrivals, nowMs, listing);
    if (page.after !== null) {
      this.listings.current = { ...listing, after: page.after };
      return;
    }
    for (const listener of [...this.subscriptions, ...this.triggers])
      if (listener.isInListing) listener.listedTo = listing.startedAt;
    this.listings.trouble = undefined;
    this.endListing();
  }

  told(work: WorkOf<'tell runs'>): void {
    this.underWay.delete(work);
  }

  /** To be told before `failed`: the runs that wait hear of it, soon and then ever less often. */
  noteFailedListing(failure: ListingTrouble['failure'], nowMs: number): void {
    const { failures = 0, sinceMs = nowMs } = this.listings.trouble ?? {};
    this.listings.trouble = { failures: failures + 1, sinceMs, failure };
  }

  retentionRead(work: WorkOf<'read retention'>, ms: number): void {
    this.underWay.delete(work);
    this.retention.ms = ms;
  }

  /** A work that has failed for good: what it was for goes on without. */
  failed(work: Work, failure: { code: StartFailure['code']; message: string }, nowMs: number): void {
    const error = `${failure.code}: ${failure.message}`;
    switch (work.kind) {
      case 'check stored':
        this.tell('warn', 'what is remembered could not be checked, and is offered as it is', { error });
        return this.checked(work, []);
      case 'signal runs':
        return this.signalled(work, []);
      case 'find resets':
        this.tell('warn', 'whether runs were reset could not be found out', { error });
        return this.resetsFound(work, []);
      case 'start runs': {
        const { trigger, arrivals } = work.batch;
        if (trigger.failures === 0) {
          const { pipeline } = trigger.of;
          this.tell('warn', 'runs could not be started, they are tried again', { pipeline, error });
        }
        const outcome: StartOutcome = { state: 'failed', ...failure, passing: true };
        return this.started(
          work,
          arrivals.map(() => outcome),
          nowMs,
        );
      }
      case 'list page':
        this.underWay.delete(work);
        this.tell('warn', 'listing failed, the next one comes on the timer', { error });
        if (this.listings.current !== work.listing) return;
        for (const trigger of this.triggers)
          if (trigger.catchingUpFrom !== undefined) miss(trigger, trigger.catchingUpFrom);
        return this.endListing();
      case 'tell runs':
        return this.told(work);
      case 'read retention':
        this.underWay.delete(work);
        this.tell('warn', 'the retention of the server could not be read', { error });
    }
  }

  /** A work that was given up: it is done once more later. */
  abandoned(work: Work): void {
    this.underWay.delete(work);
    if (work.kind === 'check stored') this.offerAnew(work.newcomers);
    else if (work.kind === 'signal runs') this.unsent.push(...work.signals);
    else if (work.kind === 'find resets') this.unsent.unshift(...work.unsent);
    else if (work.kind === 'start runs') giveBack(work.batch);
    else if (work.kind === 'read retention') this.retention.nextReadAtMs = 0;
  }

  /**
   * To those whose check was given up. Listings have passed over what was to be checked, and what is remembered may be
   * forgotten by then: the next one begins with their since.
   */
  private offerAnew(newcomers: readonly SubscriptionListener[]): void {
    for (const listener of newcomers) {
      listener.isNew = true;
      delete listener.isInListing;
      delete listener.listedTo;
    }
    this.listings.soon();
  }

  // What is to be done.

  /** Whether `next` has something to say. */
  isDue(nowMs: number, history: HistorySize): boolean {
    if (this.log.length > 0) return true;
    if (this.isFull(history))
      return this.underWay.size === 0 || this.isResetDue() || (!this.isAbandoning && this.mayAbandon());
    return (
      this.isEmptyFor(nowMs, LINGER_MS) ||
      this.isCheckDue() ||
      this.isSendDue(nowMs) ||
      this.isResetDue() ||
      this.isTellDue() ||
      this.isRetentionDue(nowMs) ||
      this.triggers.some((trigger) => this.isStartDue(trigger, nowMs)) ||
      this.isListDue(nowMs)
    );
  }

  /** When something is due by time alone, if nothing happens before: milliseconds since 1970. */
  dueAtMs(nowMs: number): number {
    if (!this.isServing()) return nowMs + (this.memory.size === 0 ? LINGER_MS : MEMORY_AGE_MS);
    const times = [
      this.listings.nextAtMs,
      ...(this.triggers.length > 0 ? [this.retention.nextReadAtMs] : []),
      ...this.subscriptions.filter(({ pending }) => pending.length > 0).map(({ sendAfterMs }) => sendAfterMs),
      ...this.triggers.filter((trigger) => !this.isStarting(trigger)).map(startDueMs),
    ].filter((timeMs) => timeMs > nowMs);
    return Math.min(nowMs + MEMORY_AGE_MS, ...times);
  }

  /** Takes what is to be done now. */
  next(nowMs: number, history: HistorySize): Plan {
    this.trim(nowMs);
    if (this.underWay.size === 0) this.isAbandoning = false;
    const plan: Plan = { work: [], log: [], abandon: false, carried: null, isOver: false };
    if (this.isFull(history)) this.planHandOver(plan, nowMs);
    else if (this.isEmptyFor(nowMs, LINGER_MS)) plan.isOver = true;
    else this.planWork(plan, nowMs);
    for (const work of plan.work) this.underWay.add(work);
    plan.log = this.log.splice(0);
    return plan;
  }

  /** All that the machine knows; nothing may be under way. */
  carry(): Carried {
    const packer = new Packer();
    const subscriptions = this.subscriptions.map((listener) => packer.pack(listener));
    const triggers = this.triggers.map((trigger) => packer.pack(trigger));
    return {
      subscriptions,
      triggers,
      pending: packer.pending,
      memory: this.memory.all(),
      listings: this.listings.carry(),
      startedRuns: this.startedRuns.carry(),
      retention: this.retention,
    };
  }

  private planWork({ work }: Plan, nowMs: number): void {
    if (this.isCheckDue()) work.push(...this.checkNewcomers());
    if (this.isSendDue(nowMs)) work.push(this.send(nowMs, (listener) => isSendable(listener, nowMs)));
    if (this.isResetDue()) work.push({ kind: 'find resets', unsent: this.unsent.splice(0) });
    if (this.isTellDue()) work.push(this.tellRuns(nowMs));
    if (this.isRetentionDue(nowMs)) {
      this.retention.nextReadAtMs = nowMs + READ_RETENTION_EVERY_MS;
      work.push({ kind: 'read retention' });
    }
    for (const trigger of this.triggers)
      if (this.isStartDue(trigger, nowMs))
        work.push({ kind: 'start runs', batch: takeStarts(trigger, nowMs) });
    if (this.isListDue(nowMs)) {
      this.heardSincePage.clear();
      work.push({ kind: 'list page', listing: this.listings.current ?? this.beginListing(nowMs) });
    }
  }

  private planHandOver(plan: Plan, nowMs: number): void {
    if (this.isResetDue()) plan.work.push({ kind: 'find resets', unsent: this.unsent.splice(0) });
    else if (this.underWay.size > 0) plan.abandon = this.isAbandoning = this.mayAbandon();
    else {
      const carried = this.carry();
      if (byteLength(carried) <= CARRY_BYTES) plan.carried = carried;
      // Too much to be carried: what is pending is sent first, then half of what is remembered is left to the listing.
      else if (this.subscriptions.some(({ pending }) => pending.length > 0))
        plan.work.push(this.send(nowMs, () => true));
      else if (this.memory.size > 0)
        this.memory.trim({ ...MEMORY_LIMIT, oldestMs: 0, entries: this.memory.size >> 1 });
      else {
        this.tell('error', 'too many runs wait on one source; spread them over several', {});
        this.limit = { events: 2 * this.limit.events, bytes: 2 * this.limit.bytes };
      }
    }
  }

  /** Of what is remembered, that which new subscriptions ask for is checked: what is gone must wake nobody. */
  private checkNewcomers(): Work[] {
    const newcomers = this.subscriptions.filter(({ isNew }) => isNew);
    for (const listener of newcomers) delete listener.isNew;
    const isUnlisted = newcomers.some(({ isInListing, listedTo }) => !isInListing && listedTo === undefined);
    if (isUnlisted && this.listings.nextAtMs > 0 && this.knows('newcomers-are-listed-anew'))
      this.listings.soon();
    const byPattern = indexByPattern(newcomers);
    const arrivals = this.memory
      .all()
      .filter((arrival) => byPattern.find(arrival).some(({ of }) => isSince(arrival, of.since)))
      .map((arrival) => ({ ...arrival }));
    return arrivals.length === 0 ? [] : [{ kind: 'check stored', arrivals, newcomers }];
  }

  private send(nowMs: number, isDue: (listener: SubscriptionListener) => boolean): WorkOf<'signal runs'> {
    const signals = takeSignals(this.subscriptions, nowMs, isDue);
    for (const { of, chunk } of signals) if (of.once && this.endsWait(chunk)) this.unsubscribe(of);
    return { kind: 'signal runs', signals };
  }

  /** Whether a run that is told this has the object that it waits for: of a key it takes the newest version. */
  private endsWait(chunk: readonly Arrival[]): boolean {
    if (!chunk.some(hasContent)) return false;
    return new ArrivalMemory(chunk).all().some(hasContent) || !this.knows('newest-ends-once');
  }

  private beginListing(nowMs: number): Listing {
    for (const listener of [...this.subscriptions, ...this.triggers])
      if (!this.isNewcomer(listener)) listener.isInListing = true;
    for (const trigger of this.triggers) {
      if (trigger.missedFrom !== undefined) trigger.catchingUpFrom = trigger.missedFrom;
      delete trigger.missedFrom;
    }
    return this.listings.begin(
      nowMs,
      (isFull) =>
        earliest([
          ...this.subscriptions.map((listener) => subscriptionFloor(listener, isFull)),
          ...this.triggers.map((trigger) => triggerListingFloor(trigger, isFull)),
        ]),
      () => this.knows('second-listing-is-kept'),
    );
  }

  /** A listing passes over what is remembered, which may be forgotten by the time at which it is offered that. */
  private isNewcomer(listener: SubscriptionListener | TriggerListener): boolean {
    return 'isNew' in listener && this.knows('newcomers-are-listed-anew');
  }

  private endListing(): void {
    this.listings.current = null;
    for (const listener of [...this.subscriptions, ...this.triggers]) delete listener.isInListing;
    for (const trigger of this.triggers) delete trigger.catchingUpFrom;
  }

  private take(seen: readonly SeenArrival[], nowMs: number, listing: Listing | null): void {
    const subscriptions = indexByPattern(this.subscriptions);
    const triggers = indexByPattern(this.triggers);
    const offers = new Map<TriggerListener, ReturnType<typeof this.offersTo>>();
    const toldOnce = new Map<SubscriptionListener, Arrival[]>();
    for (const { told = [], ...heard } of seen) {
      const arrival = listing === null ? heard : this.asShown(heard);
      const news = this.memory.remember(arrival);
      if (listing === null && this.isUnderWay('list page'))
        this.heardSincePage.add(this.memory.get(arrival.bucket, arrival.key)!);
      // Of a key, a run waits for the newest version; a trigger starts a run for each.
      for (const listener of news === 'new' ? subscriptions.find(arrival) : []) {
        const { of } = listener;
        const since = listing === null ? of.since : subscriptionFloor(listener, listing.isFull);
        if (!isSince(arrival, since)) continue;
        if (!told.includes(of.runId)) listener.pending.push(arrival);
        else if (of.once) toldOnce.set(listener, [...(toldOnce.get(listener) ?? []), arrival]);
      }
      for (const trigger of triggers.find(arrival)) {
        const { catchingUpFrom } = trigger;
        const isMadeUpFor =
          listing !== null && catchingUpFrom !== undefined && isSince(arrival, catchingUpFrom);
        if (news === 'known' && !isMadeUpFor) continue;
        const offer = offers.get(trigger) ?? this.offersTo(trigger, nowMs);
        offers.set(trigger, offer);
        offer(arrival, listing !== null);
      }
    }
    for (const [{ of }, arrivals] of toldOnce) if (this.endsWait(arrivals)) this.unsubscribe(of);
  }

  /** What a listing has found: a page that was asked for after an event came shows what is newer than that. */
  private asShown(arrival: Arrival): Arrival {
    const known = this.memory.get(arrival.bucket, arrival.key);
    return asShown(arrival, known, (of) => !this.heardSincePage.has(of) && this.knows('listing-is-newer'));
  }

  /** Offers arrivals that fit its pattern to one trigger; made for one batch of them, since it looks through all that is on its way. */
  private offersTo(trigger: TriggerListener, nowMs: number) {
    const { pipeline } = trigger.of;
    const room = TRIGGER_PENDING_BYTES / this.triggers.length;
    let bytes = pendingBytes(trigger.pending);
    const starting = [...this.underWay].flatMap((work) =>
      work.kind === 'start runs' && work.batch.trigger === trigger ? work.batch.arrivals : [],
    );
    const onItsWay = new Map<string, Arrival[]>();
    const add = (arrival: Arrival) =>
      onItsWay.set(arrival.key, [...(onItsWay.get(arrival.key) ?? []), arrival]);
    for (const arrival of trigger.pending) add(arrival);
    for (const { arrival } of trigger.setAside) add(arrival);
    for (const arrival of starting) add(arrival);
    const isOnItsWay = (arrival: Arrival) =>
      onItsWay
        .get(arrival.key)
        ?.some(
          (other) => isSameVersion(other, arrival) && other.time.slice(0, 19) >= arrival.time.slice(0, 19),
        ) === true;

    return (arrival: Arrival, isListed: boolean): void => {
      if (!isSince(arrival, triggerFloor(trigger))) return;
      if (trigger.of.empty !== 'take' && !hasContent(arrival)) return;
      if (this.startedRuns.has(pipeline, arrival) || isOnItsWay(arrival)) return;
      if (Date.parse(arrival.time) < nowMs - this.retention.ms + OVERLAP_MS) {
        // Its event has the time of the event, by which it cannot be told from what was started.
        if (!isListed) return miss(trigger, before(arrival.time, TRIGGER_OVERLAP_MS));
        if (!this.startedRuns.isCompleteSince(arrival.time)) {
          const object = `s3://${arrival.bucket}/${arrival.key}`;
          const why = 'an object is older than what is known of runs that were started, and starts none';
          return this.tell('warn', why, { pipeline, object });
        }
      }
      if (bytes > 0 && bytes + bytesOf(arrival) > room)
        return miss(trigger, before(arrival.time, TRIGGER_OVERLAP_MS));
      trigger.pending.push(arrival);
      add(arrival);
      bytes += bytesOf(arrival);
    };
  }

  /** The subscriptions of a run that was reset are of the one that goes on, unless that has subscribed anew. */
  private follow(ended: RunName, runId: string): void {
    for (const own of this.subscriptions.filter(({ of }) => isSameRun(of, ended))) {
      const of = { ...own.of, runId };
      const anew = this.subscriptions.find((other) => isSameSubscription(other.of, of));
      if (anew === undefined) own.of = of;
      else {
        anew.pending.unshift(...own.pending);
        this.subscriptions = this.subscriptions.filter((other) => other !== own);
      }
    }
  }

  private trim(nowMs: number): void {
    this.memory.trim({ oldestMs: nowMs - MEMORY_AGE_MS, ...MEMORY_LIMIT });
    this.subscriptions = this.subscriptions.filter(
      ({ of }) => of.until === undefined || Date.parse(of.until) > nowMs,
    );
    const [first, ...floors] = this.triggers.map(triggerFloor);
    this.startedRuns.forgetBefore(
      first === undefined ? new Date(nowMs).toISOString() : earliest([first, ...floors]),
      () => this.knows('forgotten-is-noted'),
    );
    if (!this.isServing() && !this.isUnderWay('list page')) this.endListing();
    const isEmpty = !this.isServing() && this.memory.size === 0 && this.underWay.size === 0;
    if (!isEmpty || this.unsent.length > 0) this.emptySinceMs = null;
    else this.emptySinceMs ??= nowMs;
  }

  private isServing(): boolean {
    return this.subscriptions.length > 0 || this.triggers.length > 0;
  }

  private isFull({ events, bytes }: HistorySize): boolean {
    return events > this.limit.events || bytes > this.limit.bytes;
  }

  private isEmptyFor(nowMs: number, forMs: number): boolean {
    const isEmpty = !this.isServing() && this.memory.size === 0 && this.underWay.size === 0;
    return isEmpty && this.emptySinceMs !== null && nowMs - this.emptySinceMs >= forMs;
  }

  private isUnderWay(kind: Work['kind']): boolean {
    return [...this.underWay].some((work) => work.kind === kind);
  }

  private isStarting(trigger: TriggerListener): boolean {
    return [...this.underWay].some((work) => work.kind === 'start runs' && work.batch.trigger === trigger);
  }

  private mayAbandon(): boolean {
    return [...this.underWay].some(
      ({ kind }) => kind !== 'signal runs' && kind !== 'find resets' && kind !== 'tell runs',
    );
  }

  private isCheckDue(): boolean {
    return !this.isUnderWay('check stored') && this.subscriptions.some(({ isNew }) => isNew);
  }

  private isSendDue(nowMs: number): boolean {
    return (
      !this.isUnderWay('signal runs') && this.subscriptions.some((listener) => isSendable(listener, nowMs))
    );
  }

  private isResetDue(): boolean {
    return this.unsent.length > 0 && !this.isUnderWay('find resets') && !this.isAbandoning;
  }

  private isTellDue(): boolean {
    return !this.isUnderWay('tell runs') && this.subscriptions.some((listener) => this.isUntold(listener));
  }

  /** Whether the run knows less than that its listings fail, or fail for twice as long, or go well again. */
  private isUntold({ toldFailures = 0 }: SubscriptionListener): boolean {
    const failures = this.listings.trouble?.failures ?? 0;
    return failures === 0 ? toldFailures > 0 : failures >= 2 * toldFailures;
  }

  private tellRuns(nowMs: number): WorkOf<'tell runs'> {
    const { trouble, nextAtMs } = this.listings;
    const retry = trouble
      ? {
          doing: 'list' as const,
          attempt: trouble.failures,
          failure: trouble.failure,
          activityId: null,
          failingForMs: nowMs - trouble.sinceMs,
          nextInMs: Math.max(0, nextAtMs - nowMs),
        }
      : null;
    const untold = this.subscriptions.filter((listener) => this.isUntold(listener)).slice(0, TOLD_AT_ONCE);
    for (const listener of untold) {
      if (trouble) listener.toldFailures = trouble.failures;
      else delete listener.toldFailures;
    }
    return {
      kind: 'tell runs',
      tellings: untold.map(({ of }) => ({ of, report: { step: of.step, retry } })),
    };
  }

  private isRetentionDue(nowMs: number): boolean {
    return (
      this.triggers.length > 0 && nowMs >= this.retention.nextReadAtMs && !this.isUnderWay('read retention')
    );
  }

  private isStartDue(trigger: TriggerListener, nowMs: number): boolean {
    return !this.isStarting(trigger) && startDueMs(trigger) <= nowMs;
  }

  private isListDue(nowMs: number): boolean {
    if (!this.isServing() || this.isUnderWay('list page') || nowMs < this.listings.dueMs) return false;
    return !this.triggers.some(({ pending }) => pendingBytes(pending) > BACKLOG_BYTES);
  }

  private tell(level: LogLine['level'], message: string, attributes: Record<string, unknown>): void {
    const { bucket, prefix } = this.input.source;
    this.log.push({ level, message, attributes: { source: `s3://${bucket}/${prefix}`, ...attributes } });
  }
}

type StartFailure = Extract<StartOutcome, { state: 'failed' }>;
