import {
  CancellationScope,
  condition,
  isCancellation,
  patched,
  sleep,
  TimeoutFailure,
  workflowInfo,
} from '@temporalio/workflow';
import type { ListedPage, Manifest, StartOutcome } from '../../contracts/activities';
import { MAX_HISTORY_BYTES } from '../../contracts/historyRoom';
import type { Place, Taken } from '../../contracts/earlier';
import type { Failure, StepStatus, Subscription } from '../../contracts/messages';
import { SluiceError } from '../../errors';
import type { Arrival } from '../../pipelines';
import { asShown, isNewer, isSameVersion, isSince } from '../../pipelines/arrival';
import { hasContent } from '../../pipelines/arrivalRule';
import { DURATION_NEEDS, parseBoundedDuration } from '../../pipelines/duration';
import { isObjectPattern, OBJECT_PATTERN_NEEDS, sourceOf, type Source } from '../../pipelines/location';
import { matchesPattern } from '../../pipelines/patterns';
import { activities, HEARTBEAT_TIMEOUT } from './activities';
import {
  describeMissing,
  findComplete,
  findRuleProblem,
  isAwaited,
  signKeyOf,
  sorted,
  type Completeness,
  type TakenObjects,
} from './completeness';
import type { Deadline } from './deadlines';
import type { StepPlace } from './earlierRun';
import { asApplicationFailure, isReportable, isTimeUp, lastFailureOf, toFailure } from './failures';
import type { Line } from './line';
import type { Shared } from './shared';
import { Subscriptions } from './subscription';

export interface WaitOptions {
  /** How long to wait, a duration; default 7 days. */
  within?: string;
  /** How long the wait is expected to take, a duration: when it takes longer, that is shown and told, and it goes on. */
  expectedBy?: string;
  /** ISO 8601: arrivals from this time on; default the run's scheduled or start time, or what `--since` says. */
  since?: string;
  complete?: Completeness;
  late?: Late;
  /**
   * What an object without content is: `wait` for what takes its place (the default; the status shows it meanwhile), or
   * `take` it. A marker may be empty in any case.
   */
  empty?: 'wait' | 'take';
  /** What comes of it when S3 could not be read until its time was up; default what the run was told. See `JobOptions`. */
  onExhausted?: 'fail' | 'park';
}

/**
 * What an object leads to that comes when the wait is over, or replaces one that the wait has taken: nothing (the
 * default), a failed run, or another run of the pipeline with the same input, one an object version. It is in the status
 * in any case, if the run hears of it: for certain only when it is not ignored, since then the run stays subscribed until
 * it ends. Of a wait with a marker or manifest, another run is started by a new marker or manifest alone.
 */
export type Late = 'ignore' | 'fail' | 'start new run';

/** How many objects the status shows of a step: the answer to a query holds at most 4 MiB. */
const SHOWN_OBJECTS = 1_000;
/** How many runs one activity starts. */
const LATE_BATCH = 100;
/** When late runs that could not be started for a passing reason are tried again; the run ends no earlier. */
const LATE_RETRY_PAUSES = ['10 s', '1 minute', '10 minutes'] as const;
/** How long S3 is asked for what is late. */
const LATE_LISTING_MS = 10 * 60_000;
/** How long after its time is up a wait may still be under way, while no worker is there. */
const UNTIL_MARGIN_MS = 30 * 86_400_000;

/**
 * The step of a wait. It
 * - subscribes to what comes, unless one look at what the run knows shows that all is there;
 * - is `waiting` until its rule says that the objects are complete, or its time is up (`ArrivalTimeout`);
 * - takes what the run before it took, when this run is a retry and nothing speaks against it;
 * - is `parked`, when its time is up while S3 cannot be read and it was told to, and waits anew when somebody lets it go on;
 * - is over, then, and takes note of what comes late: it stays subscribed where that counts, until the run ends.
 */
export class Wait {
  private readonly step: StepStatus;
  private readonly since: string;
  private readonly complete: Completeness | undefined;
  private readonly late: Late;
  private readonly empty: 'wait' | 'take';
  private readonly onExhausted: 'fail' | 'park' | undefined;
  private readonly within: string;
  private readonly deadline: Deadline;
  private readonly pattern: string;
  /** The key that ends the wait and is not among its objects. */
  private readonly signKey: string | null;
  private source!: Source;
  private deadlineMs!: number;
  private withinMs!: number;
  /** How long no object may come before the wait is over; 0 for a rule without quiet. */
  private quietMs!: number;
  /** What the manifest lists, once it was read. */
  private listed: { bucket: string; key: string }[] | null = null;
  /** The marker or manifest that ended the wait. */
  private sign: Arrival | null = null;
  /** By key. */
  private readonly taken = new Map<string, Arrival>();
  private readonly line: Line;
  private readonly place: Place;
  /** ISO 8601. */
  private readonly began = new Date().toISOString();

  constructor(
    private readonly shared: Shared,
    {
      name,
      parent,
      line,
      place,
      pattern,
    }: { name: string; parent: string | null; line: Line; place: Place; pattern: string },
    {
      within = '7 days',
      expectedBy,
      since = shared.since,
      complete,
      late = 'ignore',
      empty = 'wait',
      onExhausted,
    }: WaitOptions,
  ) {
    this.deadline = expectedBy === undefined ? {} : { expectedBy };
    this.step = shared.board.addStep({ name, kind: 'wait', parent });
    this.line = line;
    this.place = place;
    this.pattern = pattern;
    this.within = within;
    this.since = since;
    this.complete = complete;
    this.late = late;
    this.empty = empty;
    this.onExhausted = onExhausted;
    this.signKey = signKeyOf(complete);
  }

  /** @throws ApplicationFailure ArrivalTimeout that names what was missing */
  run(): Promise<TakenObjects> {
    return this.shared.deadlines.keep(this.step, this.deadline, () => this.wait());
  }

  private async wait(): Promise<TakenObjects> {
    const { shared, step, late } = this;
    try {
      this.check();
      shared.board.update(step, { state: 'waiting', waitingFor: this.pattern, attempts: 1 });
      let subscriptions = new Subscriptions(this.subscriptions());
      const before = shared.earlier.findWait(this.at, this.rule);
      const again = before?.objects === undefined ? null : sorted(before.objects);
      if (before !== null && again !== null) this.remember(before, again);
      else this.showEmpty();
      try {
        const needsNone = again === null ? this.isCompleteAtOnce() : late === 'ignore';
        if (!needsNone) await this.open(subscriptions);
        const atOnce = again ?? (needsNone && shared.looksFirst ? this.find() : null);
        let taken = atOnce ?? (await this.untilComplete());
        while (taken === null) {
          // The source could not be listed: it is the listing that has had its time.
          if (step.retry === undefined || !this.parks)
            throw new SluiceError('ArrivalTimeout', this.describeTimeout());
          await this.park(step.retry.failure);
          // They have ended meanwhile, or will before the wait does.
          subscriptions = new Subscriptions(this.subscriptions());
          await this.open(subscriptions);
          taken = await this.untilComplete();
        }
        // One that is for one object ended when that came, unless it came by hand.
        if (taken[0].byHand !== true) subscriptions.markSpent();
        // What follows need not wait for it.
        if (late === 'ignore') {
          if (subscriptions.areOpen) shared.ending.beside(subscriptions.close());
        } else shared.ending.atEnd(() => subscriptions.close());
        this.end(taken);
        return taken;
      } catch (error) {
        if (isReportable(error)) await subscriptions.close();
        throw error;
      }
    } catch (error) {
      if (!isReportable(error)) throw error;
      if (isCancellation(error)) {
        shared.board.update(step, { state: 'stopped' });
        throw error;
      }
      const failure = toFailure(error, step.name);
      shared.board.update(step, { state: 'failed', failure });
      throw asApplicationFailure(failure, error instanceof SluiceError ? undefined : error);
    }
  }

  private async open(subscriptions: Subscriptions): Promise<void> {
    const { step } = this;
    await this.read(() => subscriptions.open({ withinMs: this.remainingMs(), summary: step.name }));
  }

  /** Does what is tried until the time of the wait is up; a wait that parks then does it once more when it is let. */
  private async read<T>(act: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        const answer = await act();
        this.shared.board.goesOn(this.step);
        return answer;
      } catch (error) {
        if (!isTimeUp(error) || !this.parks) throw this.asExpired(error);
        await this.park(lastFailureOf(error) ?? toFailure(error, null));
      }
    }
  }

  private get parks(): boolean {
    const { onExhausted, shared } = this;
    const isWanted = onExhausted === undefined ? shared.parked.byDefault : onExhausted === 'park';
    // In histories that began before, waits do not park.
    return isWanted && patched('waits-park');
  }

  /** Waits until somebody lets the wait go on, which then has all its time again. */
  private async park({ code, message }: Pick<Failure, 'code' | 'message'>): Promise<void> {
    const { shared, step } = this;
    await shared.parked.park(step, { code, message, step: step.name });
    this.deadlineMs = Date.now() + this.withinMs;
    shared.board.update(step, { state: 'waiting' });
  }

  private get at(): StepPlace {
    const { step, line, place } = this;
    return { step: step.name, line, place };
  }

  /** What a wait of a run that is tried again must have in common with the one before it to take the same. */
  private get rule(): string {
    const { pattern, complete, empty } = this;
    return JSON.stringify({ pattern, complete, empty });
  }

  /** Makes the run know of what the run before it took. */
  private remember({ sign }: Taken, objects: TakenObjects): void {
    const { shared, step } = this;
    shared.inbox.receive(sign === null ? objects : [...objects, sign]);
    shared.board.update(step, { takenFrom: { id: shared.earlier.retryOf!.id, job: 'reused' } });
  }

  /**
   * Reads pattern and durations, and starts the time of the wait.
   * @throws SluiceError InvalidInput
   */
  private check(): void {
    const { step, pattern, within, since, complete } = this;
    const invalid = (what: string, needs: string) =>
      new SluiceError('InvalidInput', `${step.name}: cannot wait ${what}; give ${needs}`);
    const withinMs = parseBoundedDuration(within);
    const problem = findRuleProblem(complete);
    if (!isObjectPattern(pattern)) throw invalid(`for ${pattern}`, OBJECT_PATTERN_NEEDS);
    if (withinMs === null) throw invalid(`for ${pattern} within ${within}`, DURATION_NEEDS);
    if (problem !== null) throw invalid(problem.what, problem.needs);
    if (Number.isNaN(Date.parse(since))) throw invalid(`from ${since} on`, 'a time in ISO 8601');
    this.source = sourceOf(pattern)!;
    this.quietMs = complete && 'quiet' in complete ? parseBoundedDuration(complete.quiet)! : 0;
    this.withinMs = withinMs;
    this.deadlineMs = Date.now() + withinMs;
  }

  /** One for the pattern, and one for each marker, manifest or key of the rule that does not fit it. */
  private subscriptions(): Subscription[] {
    const { pattern, source, complete, since, deadlineMs, late, step } = this;
    const { workflowId, runId } = workflowInfo();
    const subscription: Subscription = { workflowId, runId, pattern, since, step: step.name };
    if (late === 'ignore') subscription.until = new Date(deadlineMs + UNTIL_MARGIN_MS).toISOString();
    if (late === 'ignore' && complete === undefined) subscription.once = true;
    const others = this.keysBeside().map((key) => ({
      ...subscription,
      pattern: `s3://${source.bucket}/${key}`,
    }));
    return [subscription, ...others];
  }

  /** The keys that the rule names and that are no arrivals of the pattern: a marker elsewhere, or `_SUCCESS` by name. */
  private keysBeside(): string[] {
    const { pattern, source, complete, signKey } = this;
    const named = complete && 'keys' in complete ? complete.keys : signKey === null ? [] : [signKey];
    return named.filter((key) => !matchesPattern(pattern, { bucket: source.bucket, key }));
  }

  private isCompleteAtOnce(): boolean {
    if (this.late !== 'ignore' || this.signKey !== null || this.quietMs !== 0) return false;
    const found = this.find();
    return found !== null && !this.areInDoubt(found);
  }

  /** The objects of the wait, or null when its time is up. */
  private async untilComplete(): Promise<TakenObjects | null> {
    const taken = await this.untilTaken();
    if (taken === null || !this.areInDoubt(taken)) return taken;
    await this.list(this.since);
    return this.untilTaken();
  }

  private areInDoubt(taken: readonly Arrival[]): boolean {
    // In histories that began before, the event goes before the listing.
    return this.shared.inbox.areInDoubt(taken) && patched('doubts-are-cleared');
  }

  private async untilTaken(): Promise<TakenObjects | null> {
    const { complete } = this;
    if (complete && 'manifest' in complete) return this.untilListed(complete.manifest);
    if (complete && 'quiet' in complete) return this.untilQuiet();
    for (;;) {
      const isComplete = await this.untilDeadline(() => this.find() !== null);
      // Events come in any order, so the marker's may overtake those of the objects before it.
      if (isComplete && complete && 'marker' in complete) await this.list(this.since);
      const found = this.find();
      // What was there may have been replaced by something without content. In histories that began before, that ends the wait.
      if (found !== null || !isComplete || !patched('emptied-is-awaited')) return found;
    }
  }

  /**
   * Quiet is counted from the time of the newest object, and before it is believed the source is listed: an event that was
   * lost must not look like quiet.
   */
  private async untilQuiet(): Promise<TakenObjects | null> {
    for (;;) {
      if (!(await this.untilDeadline(() => this.find() !== null))) return null;
      const seen = this.find()!;
      const isOther = () => {
        const now = this.find();
        if (now === null) return true;
        return now.length !== seen.length || now.some((arrival, i) => !isSameVersion(arrival, seen[i]!));
      };
      const newestMs = Math.min(Date.parse(seen.at(-1)!.time), Date.now());
      const pauseMs = newestMs + this.quietMs - Date.now();
      if (Date.now() + pauseMs > this.deadlineMs) {
        if (await this.untilDeadline(isOther)) continue;
        return null;
      }
      const summary = `${this.step.name}: quiet`;
      if (pauseMs > 0 && (await condition(isOther, pauseMs, { summary }))) continue;
      // The time of an object is older than its arrival, by hours for an upload in many parts.
      await this.list(patched('quiet-lists-all') ? this.since : new Date(newestMs).toISOString(), isOther);
      if (!isOther()) return seen;
    }
  }

  /** A manifest that is replaced while its objects are awaited is read anew, as is one of an object that may have been replaced. */
  private async untilListed(manifestKey: string): Promise<TakenObjects | null> {
    const { pattern, source, shared } = this;
    const find = () => this.arrivals().find(({ key }) => key === manifestKey);
    for (;;) {
      this.listed = null;
      if (!(await this.untilDeadline(() => find() !== undefined))) return null;
      if (this.areInDoubt([find()!])) await this.list(this.since);
      const manifest = { ...find()! };
      const isReplaced = () => !isSameVersion(find()!, manifest);
      const heardBefore = new Set(shared.inbox.all());
      const read = await this.readManifest(manifest);
      if (read === null) {
        // An older version than S3 has now: the arrival of the newer one is on its way.
        if (!(await this.untilDeadline(isReplaced))) return null;
        continue;
      }
      const outside = read.objects.find((object) => !matchesPattern(pattern, object));
      if (outside !== undefined) {
        throw new SluiceError(
          'BadData',
          `The manifest s3://${source.bucket}/${manifestKey} lists s3://${outside.bucket}/${outside.key}, which does not fit ${pattern}; correct the manifest or the pattern`,
        );
      }
      this.listed = read.objects;
      const present = new Map(read.present.map((arrival) => [arrival.key, arrival]));
      const isThere = ({ bucket, key }: { bucket: string; key: string }) =>
        shared.inbox.get(bucket, key) !== undefined || present.has(key);
      const ended = await this.untilDeadline(() => isReplaced() || read.objects.every(isThere));
      if (isReplaced()) continue;
      if (!ended) return null;
      let isInDoubt = false;
      const newest = ({ bucket, key }: { bucket: string; key: string }) => {
        const [told, found] = [shared.inbox.get(bucket, key), present.get(key)];
        if (!told || !found) return (told ?? found)!;
        if (isSameVersion(told, found) || told.byHand || !patched('doubts-are-cleared'))
          return isNewer(told, found) ? told : found;
        if (heardBefore.has(told)) return found;
        isInDoubt = true;
        return told;
      };
      const taken = sorted(read.objects.map(newest));
      if (!isInDoubt) return taken;
    }
  }

  /** Null when the manifest has been replaced or deleted since. */
  private async readManifest(manifest: Arrival): Promise<Manifest | null> {
    try {
      return await this.read(() =>
        activities.readManifest.executeWithOptions(
          {
            startToCloseTimeout: '10 minutes',
            scheduleToCloseTimeout: this.remainingMs(),
            heartbeatTimeout: HEARTBEAT_TIMEOUT,
            summary: `${this.step.name}: read the manifest`,
          },
          [manifest, this.step.name],
        ),
      );
    } catch (error) {
      if (isReportable(error) && toFailure(error, null).code === 'ObjectGone') return null;
      throw error;
    }
  }

  /** Takes what the source holds, until `isEnough`. */
  private async list(
    since: string,
    isEnough = () => false,
    read = (act: () => Promise<ListedPage>) => this.read(act),
  ): Promise<void> {
    const { source, step, shared } = this;
    let after: string | null = null;
    const heardBefore = new Set(shared.inbox.all());
    // In histories that began before, the event goes before the listing.
    const wasHeardBefore = (known: Arrival) => heardBefore.has(known) && patched('listing-is-newer');
    do {
      if (workflowInfo().historySize > MAX_HISTORY_BYTES) {
        throw new SluiceError(
          'BadData',
          `${step.name}: s3://${source.bucket}/${source.prefix} holds more objects than the history of a run; wait for a manifest or for the objects of a narrower folder`,
        );
      }
      const from = after;
      const page = await read(() =>
        activities.listSource.executeWithOptions(
          {
            startToCloseTimeout: '2 minutes',
            scheduleToCloseTimeout: this.remainingMs(),
            heartbeatTimeout: HEARTBEAT_TIMEOUT,
            summary: `${step.name}: list the source`,
          },
          [source, since, from, step.name],
        ),
      );
      shared.inbox.receive(
        page.arrivals.map((shown) =>
          asShown(shown, shared.inbox.get(shown.bucket, shown.key), wasHeardBefore),
        ),
      );
      after = page.after;
    } while (after !== null && !isEnough());
  }

  /** The objects that the rule takes now, or null. */
  private find(): TakenObjects | null {
    return findComplete(this.arrivals(), this.complete);
  }

  /** What has arrived for the wait, its marker or manifest included. */
  private arrivals(): Arrival[] {
    const { shared, pattern, since, source } = this;
    const beside = new Set(this.keysBeside());
    return shared.inbox
      .all()
      .filter(
        (arrival) =>
          ((matchesPattern(pattern, arrival) && this.isTaken(arrival)) ||
            this.isSign(arrival) ||
            (beside.has(arrival.key) && arrival.bucket === source.bucket)) &&
          isSince(arrival, since),
      );
  }

  private isTaken(arrival: Arrival): boolean {
    return this.empty === 'take' || arrival.byHand === true || hasContent(arrival);
  }

  /** Shows in the status which objects came without content, while the wait goes on. */
  private showEmpty(): void {
    const { shared, step, pattern, since } = this;
    const show = (arrivals: readonly Arrival[]) => {
      if (step.endedAt !== null) return;
      const empty = arrivals.filter(
        (arrival) => matchesPattern(pattern, arrival) && isSince(arrival, since) && !this.isTaken(arrival),
      );
      if (empty.length === 0) return;
      const known = new Map((step.objects ?? []).map((object) => [object.uri, object]));
      for (const arrival of empty) known.set(shown(arrival).uri, { ...shown(arrival), empty: true });
      shared.board.update(step, { objects: [...known.values()].slice(0, SHOWN_OBJECTS) });
    };
    show(shared.inbox.all());
    shared.inbox.follow(show);
  }

  private isSign({ bucket, key }: Arrival): boolean {
    return key === this.signKey && bucket === this.source.bucket;
  }

  /** Whether it comes true before the time of the wait is up. */
  private untilDeadline(isTrue: () => boolean): Promise<boolean> {
    return condition(isTrue, this.remainingMs(), { summary: this.step.name });
  }

  private remainingMs(): number {
    return Math.max(1, this.deadlineMs - Date.now());
  }

  private end(taken: TakenObjects): void {
    const { shared, step, signKey, source } = this;
    this.sign = signKey === null ? null : (shared.inbox.get(source.bucket, signKey) ?? null);
    for (const arrival of taken) this.taken.set(arrival.key, arrival);
    const { rule, began, sign } = this;
    shared.earlier.noteWait(this.at, { rule, began, objects: taken, sign });
    shared.board.update(step, { state: 'succeeded', objects: taken.slice(0, SHOWN_OBJECTS).map(shown) });
    shared.inbox.follow((news) => this.noteLate(news));
    // Of more objects than the rule takes, the rest is as late as what comes a moment after it.
    if (this.late !== 'ignore') this.noteLate(this.arrivals());
  }

  private noteLate(arrivals: Arrival[]): void {
    const { shared } = this;
    const late = arrivals.filter((arrival) => this.isLate(arrival));
    const known = late.map(({ bucket, key }) => shared.inbox.get(bucket, key)!);
    if (this.late !== 'ignore' && this.areInDoubt(known)) shared.ending.beside(this.askForLate(late));
    else this.takeNote(late);
  }

  /** Of an event that a listing contradicts, S3 says whether its object is there. */
  private async askForLate(late: Arrival[]): Promise<void> {
    const { inbox } = this.shared;
    this.deadlineMs = Math.max(this.deadlineMs, Date.now() + LATE_LISTING_MS);
    try {
      await CancellationScope.nonCancellable(() => this.list(this.since, undefined, (act) => act()));
    } catch (error) {
      // What S3 does not tell is as the event says.
      if (!isReportable(error)) throw error;
    }
    // What has taken its place is noted as it comes.
    this.takeNote(late.filter((arrival) => isSameVersion(arrival, inbox.get(arrival.bucket, arrival.key)!)));
  }

  /** Shows in the status what is late, and does what the wait says of it. */
  private takeNote(late: Arrival[]): void {
    const { shared, step } = this;
    const [first] = late;
    if (first === undefined) return;
    const objects = [...(step.objects ?? []), ...late.map((arrival) => ({ ...shown(arrival), late: true }))];
    shared.board.update(step, { objects: objects.slice(0, 2 * SHOWN_OBJECTS) });
    if (this.late === 'fail') {
      const { bucket, key } = first;
      const what = this.taken.has(key) ? 'was replaced after' : 'came when';
      const message = `${step.name}: s3://${bucket}/${key} ${what} the run had taken its objects; start a new run for what is there now`;
      const failure: Failure = { code: 'LateArrival', message, step: step.name };
      shared.board.update(step, { state: 'failed', failure });
      shared.ending.fail(failure);
    }
    // A run that an arrival started leaves the next to what started it: two of one second would start each other.
    if (this.late !== 'start new run' || shared.startedBy.length > 0) return;
    const starters = this.signKey === null ? late : late.filter(({ key }) => key === this.signKey);
    if (starters.length > 0) shared.ending.beside(this.startLateRuns(starters));
  }

  /** Whether an arrival is one that the wait would have taken, or replaces what it took. */
  private isLate(arrival: Arrival): boolean {
    const { pattern, complete, since, sign, taken } = this;
    const isSign = this.isSign(arrival);
    const isListed = complete === undefined || !('manifest' in complete) || taken.has(arrival.key);
    if (!isSign && !(isListed && isAwaited(pattern, complete, arrival) && this.isTaken(arrival)))
      return false;
    const known = isSign ? sign : taken.get(arrival.key);
    if (known && (isSameVersion(known, arrival) || !isNewer(arrival, known))) return false;
    return isSince(arrival, since);
  }

  private startLateRuns(arrivals: Arrival[]): Promise<void> {
    const { shared, step, sign } = this;
    const input = (shared.given ?? {}) as Record<string, unknown>;
    const { workflowType: pipeline } = workflowInfo();
    // What a marker stands for was written before it, and after the marker before.
    const since = sign === null ? {} : { since: sign.time };
    const startBatch = async (batch: Arrival[]): Promise<StartOutcome[]> => {
      try {
        return await activities.startRuns.executeWithOptions(
          {
            startToCloseTimeout: '5 minutes',
            heartbeatTimeout: HEARTBEAT_TIMEOUT,
            retry: { maximumAttempts: 5 },
            summary: `${step.name}: start new runs`,
          },
          [{ pipeline, input, ...since }, batch],
        );
      } catch (error) {
        if (!isReportable(error)) throw error;
        const { code, message } = toFailure(error, step.name);
        return batch.map(() => ({ state: 'failed', code, message, passing: true }));
      }
    };
    const startAll = async () => {
      let left = arrivals;
      for (let attempt = 0; ; attempt++) {
        const again: Arrival[] = [];
        let failure: Failure | null = null;
        for (let first = 0; first < left.length; first += LATE_BATCH) {
          const batch = left.slice(first, first + LATE_BATCH);
          for (const [i, outcome] of (await startBatch(batch)).entries()) {
            if (outcome.state !== 'failed') continue;
            const message = `No new run could be started for a late arrival: ${outcome.message}`;
            failure = { code: outcome.code, message, step: step.name };
            if (outcome.passing) again.push(batch[i]!);
          }
        }
        if (failure !== null) shared.board.update(step, { failure });
        left = again;
        const pause = LATE_RETRY_PAUSES[attempt];
        if (left.length === 0 || pause === undefined) return;
        await sleep(pause, { summary: `${step.name}: pause before new runs are started again` });
      }
    };
    return CancellationScope.nonCancellable(startAll);
  }

  /** An activity that was tried until the time of the wait was up has the wait end as any other does. */
  private asExpired(error: unknown): unknown {
    if (!isTimeUp(error)) return error;
    const last =
      lastFailureOf(error) ?? (error.cause instanceof TimeoutFailure ? null : toFailure(error, null));
    const reason = last === null ? 'S3 gave no answer.' : `S3 could not be read: ${last.message}`;
    return new SluiceError('ArrivalTimeout', `${this.describeTimeout()} Last, ${reason}`);
  }

  private describeTimeout(): string {
    const { pattern, since, within, complete, listed } = this;
    const missing = describeMissing(this.arrivals(), complete, listed);
    const id = workflowInfo().workflowId;
    return (
      `Waited ${within} for ${pattern} (arrivals since ${since}): ${missing}. ` +
      `Upload what is missing and start again; an older object is taken with --since, or with: sluice signal ${id} arrival s3://…`
    );
  }
}

/** An object as the status shows it. */
function shown({ bucket, key, versionId, etag, size }: Arrival) {
  return { uri: `s3://${bucket}/${key}`, versionId, etag, size };
}
