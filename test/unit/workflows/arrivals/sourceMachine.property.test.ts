import { seeded, whole, type Random } from '../../../../src/testing/random';
import { countOf, seedOf } from '../../../support/long';
import type { StartOutcome } from '../../../../src/contracts/activities';
import type { Arrival } from '../../../../src/pipelines';
import { isSince } from '../../../../src/pipelines/arrival';
import type { Carried } from '../../../../src/workflows/arrivals/carry';
import { SourceMachine, type Work } from '../../../../src/workflows/arrivals/sourceMachine';
import {
  arrivalOf,
  DAY_MS,
  DAY_START_MS,
  HOUR_MS,
  MINUTE_MS,
  at,
  subscriptionOf,
  triggerOf,
} from '../../../support/arrivals';

/** How many worlds are played; `npm run soak` may play more. */
const ROUNDS = countOf({ suite: 12, soak: 300 });
const INPUT = { source: { bucket: 'lake', prefix: 'in/' }, listEveryMs: 15 * MINUTE_MS };
const PAGE = 5;
const DOWN = { code: 'Transient', message: 'down' } as const;

/**
 * A bucket, a Temporal server that forgets ended runs, and runs that wait, around one machine. What happens next is left
 * to chance: events are lost, doubled and come in any order; services fail and hang; histories end at any time.
 */
class World {
  nowMs = DAY_START_MS;
  machine = new SourceMachine(INPUT, null, this.nowMs);
  readonly objects: Arrival[] = [];
  /** Of each waiting run, the keys that it has heard of. */
  readonly heard = new Map<string, Set<string>>();
  /** The run ids of runs that were started, with every start of theirs. */
  readonly starts = new Map<string, number>();
  private readonly known = new Map<string, number>();
  private readonly underWay: Work[] = [];
  private isAbandoned = false;
  private dueAtMs = DAY_START_MS;
  isCalm = false;
  isListingDown = false;
  private events: Arrival[] = [];

  constructor(
    private readonly random: Random,
    private readonly retentionMs: number,
  ) {}

  upload(): void {
    const timeMs = Math.floor(this.nowMs / 1_000) * 1_000;
    const object = arrivalOf(`in/${this.objects.length}`, timeMs);
    this.objects.push(object);
    const event = { ...object, time: at(this.nowMs), sequencer: this.nowMs.toString(16) };
    for (let copies = whole(this.random, 0, 2); copies > 0; copies--) this.events.push(event);
  }

  deliver(): void {
    const count = whole(this.random, 0, this.events.length);
    const shuffled = this.events.sort(() => this.random() - 0.5);
    this.machine.seen(shuffled.splice(0, count), this.nowMs);
  }

  subscribe(): void {
    const run = `run-${this.heard.size}`;
    this.heard.set(run, new Set());
    this.machine.subscribe(subscriptionOf(run));
  }

  /** Takes what is due, and ends some of what is under way. */
  turn(): void {
    const isFull = !this.isCalm && this.random() < 0.05;
    const history = { events: isFull || this.isAbandoned ? 5_000 : 10, bytes: 10 };
    const isWoken = () =>
      this.machine.isDue(this.nowMs, history) ||
      this.machine.dueAtMs(this.nowMs) < this.dueAtMs ||
      this.nowMs >= this.dueAtMs;
    for (let turns = 0; isWoken(); turns++) {
      expect(turns).toBeLessThan(1_000);
      const plan = this.machine.next(this.nowMs, history);
      this.dueAtMs = this.machine.dueAtMs(this.nowMs);
      expect(plan.isOver).toBe(false);
      if (plan.carried !== null) {
        const carried = JSON.parse(JSON.stringify(plan.carried)) as Carried;
        // As if more had come than the memory holds.
        if (this.random() < 0.5) carried.memory = [];
        this.machine = new SourceMachine(INPUT, carried, this.nowMs);
        expect(this.machine.carry()).toEqual(carried);
        this.isAbandoned = false;
        this.dueAtMs = this.nowMs;
        break;
      }
      this.underWay.push(...plan.work);
      if (plan.abandon) {
        this.isAbandoned = true;
        for (const work of this.underWay.splice(0))
          if (work.kind === 'signal runs' || work.kind === 'find resets') this.underWay.push(work);
          else {
            // It may have been done all the same.
            if (work.kind === 'start runs' && this.random() < 0.5) this.startAll(work.batch);
            this.machine.abandoned(work);
          }
      }
    }
    for (const work of this.underWay.splice(0)) {
      if (!this.isCalm && this.random() < 0.3) this.underWay.push(work);
      else this.end(work);
    }
  }

  wait(): void {
    this.nowMs = Math.min(this.dueAtMs, this.nowMs + (this.underWay.length > 0 ? 1_000 : HOUR_MS));
    const knownFrom = this.nowMs - this.retentionMs;
    for (const [id, startedMs] of this.known) if (startedMs < knownFrom) this.known.delete(id);
  }

  /** As if more had come than the memory holds. */
  forget(): void {
    this.machine['memory'].trim({ oldestMs: 0, entries: 0, bytes: 0 });
  }

  private end(work: Work): void {
    const { machine, nowMs, random } = this;
    if (work.kind === 'signal runs') {
      for (const { of, chunk } of work.signals)
        for (const { key } of chunk) this.heard.get(of.workflowId)!.add(key);
      return machine.signalled(
        work,
        work.signals.map(() => true),
      );
    }
    const isDown = this.isListingDown && work.kind === 'list page';
    if (isDown || (!this.isCalm && random() < 0.2)) return machine.failed(work, DOWN, nowMs);
    switch (work.kind) {
      case 'check stored':
        return machine.checked(
          work,
          work.arrivals.map(() => true),
        );
      case 'read retention':
        return machine.retentionRead(work, this.retentionMs);
      case 'find resets':
        return machine.resetsFound(work, []);
      case 'list page': {
        const { since, after } = work.listing;
        const keys = this.objects
          .filter((object) => isSince(object, since) && (after === null || object.key > after))
          .sort((a, b) => (a.key < b.key ? -1 : 1));
        const arrivals = keys.slice(0, PAGE);
        return machine.listed(
          work,
          { arrivals, after: keys.length > PAGE ? arrivals.at(-1)!.key : null },
          nowMs,
        );
      }
      case 'start runs':
        return machine.started(work, this.startAll(work.batch), nowMs);
    }
  }

  private startAll({ arrivals }: { arrivals: Arrival[] }): StartOutcome[] {
    return arrivals.map((arrival) => {
      if (!this.isCalm && this.random() < 0.2)
        return { state: 'failed', ...DOWN, passing: this.random() < 0.5 };
      const { etag, time } = this.objects.find(({ key }) => key === arrival.key)!;
      if (!this.known.has(arrival.key)) {
        this.known.set(arrival.key, this.nowMs);
        this.starts.set(arrival.key, (this.starts.get(arrival.key) ?? 0) + 1);
      }
      return { state: 'started', etag, time };
    });
  }
}

test.each(Array.from({ length: ROUNDS }, (_, i) => i + 1))(
  'world %i: every run that waits hears of every object, and each object starts one run',
  (round) => {
    const random = seeded(seedOf(round));
    const world = new World(random, DAY_MS);
    world.machine.addTrigger(triggerOf('p'), world.nowMs);
    world.subscribe();
    /** Every third world, listing is out of order for longer than the server knows the runs that have ended. */
    const outage = round % 3 === 0 ? { from: 50, to: 50 + 24 * whole(random, 1, 8) } : { from: 0, to: 0 };
    for (let i = 0; i < 300; i++) {
      world.isListingDown = i >= outage.from && i < outage.to;
      for (const happens of [
        () => world.upload(),
        () => world.deliver(),
        () => world.deliver(),
        () => random() < 0.1 && world.subscribe(),
        () => random() < 0.05 && world.forget(),
        () => world.turn(),
      ])
        if (random() < 0.6) happens();
      world.turn();
      if (world.isListingDown || random() < 0.4) world.wait();
    }
    world.isCalm = true;
    world.isListingDown = false;
    for (let i = 0; i < 200; i++) {
      world.turn();
      world.wait();
    }
    const keys = world.objects.map(({ key }) => key).sort();
    expect([...world.starts.keys()].sort()).toEqual(keys);
    expect([...world.starts].filter(([, count]) => count > 1)).toEqual([]);
    for (const heard of world.heard.values()) expect([...heard].sort()).toEqual(keys);
    expect(world.machine.triggerStatuses()).toMatchObject([{ setAside: [] }]);
  },
);
