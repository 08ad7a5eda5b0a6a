import { countOf, seedOf } from '../../../support/long';
import { seeded, whole, type Random } from '../../../../src/testing/random';
import type { RunName, SlotsAnswer, SlotsAsk } from '../../../../src/contracts/pools';
import { PoolMachine, type CarriedPool, type PoolWork } from '../../../../src/workflows/pools/poolMachine';

const ROUNDS = countOf({ suite: 200, soak: 2_000 });
const START_MS = Date.parse('2025-03-01T00:00:00Z');
const SHORT = { events: 10, bytes: 1_000 };
const FULL = { events: 2_001, bytes: 1_000 };

let nowMs: number;
let machine: PoolMachine;
let asks: Map<string, number>;

beforeEach(() => {
  nowMs = START_MS;
  machine = new PoolMachine(null, nowMs);
  asks = new Map();
});

const runOf = (name: string): RunName => ({ workflowId: name, runId: `${name}-1` });

function askOf(run: string, ids: number[], priority = 3): SlotsAsk {
  asks.set(run, (asks.get(run) ?? 0) + 1);
  const wants = ids.map((id) => ({ id, step: `step ${id}`, priority }));
  return { run: runOf(run), number: asks.get(run)!, wants };
}

function send(ask: SlotsAsk, slots = 2, slotsAsOfMs = 1): SlotsAnswer {
  return machine.ask({ slots, slotsAsOfMs, asks: [ask] }, nowMs)[0]!;
}

const take = (run: string, ids: number[], priority?: number) => send(askOf(run, ids, priority));
const giveBack = (run: string, slots: number, left: number[] = []) =>
  machine.returned({ run: runOf(run), slots, left }, nowMs);
const plan = (history = SHORT) => machine.next(nowMs, history);

type Tell = Extract<PoolWork, { kind: 'tell run' }>;
type Look = Extract<PoolWork, { kind: 'look at runs' }>;

/** Tells all that is to be told, and answers it by run. */
function tell(isThere = true): Record<string, Pick<Tell, 'granted' | 'isNeeded'>> {
  const told: Record<string, Pick<Tell, 'granted' | 'isNeeded'>> = {};
  for (const work of plan().work) {
    if (work.kind !== 'tell run') continue;
    told[work.run.workflowId] = { granted: work.granted, isNeeded: work.isNeeded };
    machine.told(work, isThere, nowMs);
  }
  return told;
}

function look(): Look {
  const found = plan().work.filter((work): work is Look => work.kind === 'look at runs');
  expect(found).toHaveLength(1);
  return found[0]!;
}

const usedOf = ({ holders }: ReturnType<PoolMachine['use']>) =>
  Object.fromEntries(holders.map(({ run, slots }) => [run.runId, slots]));

test('slots are granted in the answer while there are any, and then whoever came first waits first', () => {
  expect(take('a', [1])).toEqual({ granted: [1], places: {}, isNeeded: false });
  expect(take('b', [1, 2])).toEqual({ granted: [1], places: { 2: 1 }, isNeeded: false });
  expect(take('c', [1])).toEqual({ granted: [], places: { 1: 2 }, isNeeded: true });
  expect(tell()).toEqual({ a: { granted: [], isNeeded: true }, b: { granted: [], isNeeded: true } });
  giveBack('a', 1);
  expect(tell()).toEqual({ b: { granted: [2], isNeeded: true } });
  giveBack('b', 1);
  expect(tell()).toEqual({ c: { granted: [1], isNeeded: false } });
  expect(usedOf(machine.use())).toEqual({ 'b-1': 1, 'c-1': 1 });
});

test('a higher priority goes before a lower one, and after those of its own that came before', () => {
  take('a', [1, 2]);
  expect(take('late', [1], 5).places).toEqual({ 1: 1 });
  expect(take('first', [1], 1).places).toEqual({ 1: 1 });
  expect(take('second', [1], 1).places).toEqual({ 1: 2 });
  expect(take('usual', [1]).places).toEqual({ 1: 3 });
  expect(machine.placesOf(runOf('late'))).toEqual({ 'step 1': 4 });
});

test('an ask whose answer was lost is answered again, and takes nothing twice', () => {
  const ask = askOf('a', [1, 2, 3]);
  const answer = send(ask);
  expect(send(ask)).toEqual(answer);
  expect(usedOf(machine.use())).toEqual({ 'a-1': 2 });
  expect(machine.use().waiting).toHaveLength(1);
  // A slot that came meanwhile is told by the second answer.
  giveBack('a', 1);
  expect(send(ask)).toEqual({ granted: [1, 2, 3], places: {}, isNeeded: false });
  // By a signal, too: the second answer may go to a worker that has stood still.
  expect(tell()).toEqual({ a: { granted: [3], isNeeded: false } });
});

test('an ask of long ago takes nothing, from a worker that stood still', () => {
  const old = askOf('a', [1]);
  send(old);
  giveBack('a', 1);
  send(askOf('a', [2]));
  giveBack('a', 1);
  expect(send(old).granted).toEqual([]);
  expect(usedOf(machine.use())).toEqual({});
});

test('what left the line is granted to nobody', () => {
  take('a', [1, 2]);
  take('b', [1, 2]);
  giveBack('b', 0, [1]);
  giveBack('a', 1);
  expect(tell()).toMatchObject({ b: { granted: [2] } });
});

test('the newest word on the limit counts: more slots at once, fewer as they are returned', () => {
  take('a', [1, 2]);
  take('b', [1]);
  expect(send(askOf('c', [1]), 4, 2)).toMatchObject({ granted: [1] });
  expect(tell()).toMatchObject({ b: { granted: [1] } });
  // A worker that was started before.
  expect(send(askOf('d', [1]), 9, 1)).toMatchObject({ granted: [] });
  expect(send(askOf('e', [1]), 1, 3)).toMatchObject({ granted: [], places: { 1: 2 } });
  giveBack('a', 2);
  giveBack('b', 1);
  expect(tell()['d']).toBeUndefined();
  giveBack('c', 1);
  expect(tell()).toMatchObject({ d: { granted: [1] } });
});

test('while somebody waits, the runs that hold slots are looked at, ever less often', () => {
  take('a', [1, 2]);
  expect(machine.dueAtMs(nowMs) - nowMs).toBe(86_400_000);
  take('b', [1]);
  tell();
  const pauses: number[] = [];
  for (let looks = 0; looks < 6; looks++) {
    const dueAtMs = machine.dueAtMs(nowMs);
    pauses.push((dueAtMs - nowMs) / 1_000);
    nowMs = dueAtMs;
    const work = look();
    expect(work.runs.map(({ workflowId }) => workflowId)).toEqual(['a', 'b']);
    machine.looked(work, ['a-1', 'b-1'], nowMs);
  }
  expect(pauses).toEqual([5, 10, 20, 30, 30, 30]);
  nowMs = machine.dueAtMs(nowMs);
  machine.looked(look(), [null, 'b-1'], nowMs);
  expect(tell()).toEqual({ b: { granted: [1], isNeeded: false } });
});

test('a run that cannot be told gives its slot to the next, and one that was reset is told anew', () => {
  take('a', [1, 2]);
  take('b', [1]);
  take('c', [1]);
  tell();
  giveBack('a', 2);
  tell(false);
  machine.lookFailed(look(), nowMs);
  nowMs = machine.dueAtMs(nowMs);
  machine.looked(look(), [null, 'c-2'], nowMs);
  const [work] = plan().work as Tell[];
  expect(work).toMatchObject({ run: { workflowId: 'c', runId: 'c-2' }, granted: [1] });
  expect(usedOf(machine.use())).toEqual({ 'c-2': 1 });
});

test('a pool whose history is full hands over all that it knows when nothing is under way', () => {
  take('a', [1]);
  take('b', [1, 2]);
  take('c', [1], 1);
  const works = plan().work as Tell[];
  expect(plan(FULL)).toEqual({ work: [], carried: null, isOver: false });
  for (const work of works) machine.told(work, true, nowMs);
  const { carried } = plan(FULL);
  const next = new PoolMachine(JSON.parse(JSON.stringify(carried)) as CarriedPool, nowMs);
  expect(next.use()).toEqual(machine.use());
  expect(next.carry(nowMs)).toEqual(carried);
});

test('a pool of 10,000 that wait hands over below the size of a payload', () => {
  const run = (i: number) => ({
    workflowId: `loads-of-the-day-20250301-${i}`,
    runId: `${i}`.padStart(36, '0'),
  });
  for (let i = 0; i < 10_000; i++) {
    const wants = [{ id: 1, step: 'load the day', priority: 3 }];
    machine.ask({ slots: 10, slotsAsOfMs: 1, asks: [{ run: run(i), number: 1, wants }] }, nowMs);
  }
  for (const work of plan().work) machine.told(work as Tell, true, nowMs);
  const { carried } = plan(FULL);
  expect(carried?.waiting).toHaveLength(9_990);
  expect(JSON.stringify(carried).length).toBeLessThan(1.5 * 1024 * 1024);
});

test('a pool that nobody uses is over after ten minutes', () => {
  take('a', [1]);
  nowMs += 3_600_000;
  expect(plan().isOver).toBe(false);
  giveBack('a', 1);
  nowMs += 599_000;
  expect(plan().isOver).toBe(false);
  nowMs += 1_000;
  expect(plan().isOver).toBe(true);
});

/** A run with jobs to do, as `Slots` is one: it asks, works, and returns what it has. */
interface SimulatedRun {
  name: RunName;
  jobs: number;
  inUse: number;
  outstanding: Set<number>;
  ask: SlotsAsk | null;
  asks: number;
  ids: number;
}

const LIMIT = 3;

/** Runs around one machine; what happens next is left to chance. Answers and signals are lost with what dies, and come twice. */
class World {
  nowMs = START_MS;
  machine = new PoolMachine(null, this.nowMs);
  readonly runs: SimulatedRun[] = [];
  private readonly oldAsks: SlotsAsk[] = [];
  private started = 0;

  constructor(private readonly random: Random) {}

  start(): void {
    const runId = `run-${++this.started}`;
    const jobs = whole(this.random, 1, 4);
    this.runs.push({
      ...{ name: { workflowId: runId, runId }, jobs, inUse: 0 },
      ...{ outstanding: new Set<number>(), ask: null, asks: 0, ids: 0 },
    });
  }

  /** One thing happens. */
  step(): void {
    const run = this.runs[whole(this.random, 0, this.runs.length - 1)];
    if (run === undefined) return;
    const happens = whole(this.random, 0, 9);
    if (happens < 3) this.ask(run);
    else if (happens < 6) this.endJob(run);
    else if (happens === 6) this.repeat();
    else if (happens === 7 && this.random() < 0.3) this.kill(run);
    else this.work();
    this.nowMs += whole(this.random, 1, 3_000);
    this.checkLimit();
  }

  private ask(run: SimulatedRun): void {
    const missing = run.jobs - run.inUse - run.outstanding.size;
    if (run.ask === null && missing > 0) {
      const wants = Array.from({ length: missing }, () => ({
        ...{ id: ++run.ids, step: 'job' },
        priority: whole(this.random, 1, 5),
      }));
      for (const { id } of wants) run.outstanding.add(id);
      run.ask = { run: run.name, number: ++run.asks, wants };
      this.oldAsks.push(run.ask);
    }
    if (run.ask === null) return;
    const [answer] = this.machine.ask({ slots: LIMIT, slotsAsOfMs: 1, asks: [run.ask] }, this.nowMs);
    // The answer is lost, and the ask is made again.
    if (this.random() < 0.3) return;
    run.ask = null;
    this.grant(run, answer!.granted);
  }

  private grant(run: SimulatedRun, ids: readonly number[]): void {
    for (const id of ids) if (run.outstanding.delete(id)) run.inUse++;
  }

  private endJob(run: SimulatedRun): void {
    if (run.inUse === 0) return;
    run.jobs--;
    run.inUse--;
    this.machine.returned({ run: run.name, slots: 1, left: [] }, this.nowMs);
    if (run.jobs === 0) this.runs.splice(this.runs.indexOf(run), 1);
  }

  private repeat(): void {
    const old = this.oldAsks[whole(this.random, 0, this.oldAsks.length - 1)];
    if (old !== undefined) this.machine.ask({ slots: LIMIT, slotsAsOfMs: 1, asks: [old] }, this.nowMs);
  }

  private kill(run: SimulatedRun): void {
    this.runs.splice(this.runs.indexOf(run), 1);
  }

  work(): void {
    for (const work of this.machine.next(this.nowMs, SHORT).work) {
      const find = ({ runId }: RunName) => this.runs.find(({ name }) => name.runId === runId);
      if (work.kind === 'look at runs')
        this.machine.looked(
          work,
          work.runs.map((name) => find(name)?.name.runId ?? null),
          this.nowMs,
        );
      else {
        const run = find(work.run);
        if (run !== undefined) this.grant(run, work.granted);
        this.machine.told(work, run !== undefined, this.nowMs);
      }
    }
    if (this.random() < 0.2)
      this.machine = new PoolMachine(
        JSON.parse(JSON.stringify(this.machine.carry(this.nowMs))) as CarriedPool,
        this.nowMs,
      );
  }

  private checkLimit(): void {
    const inUse = this.runs.reduce((sum, run) => sum + run.inUse, 0);
    if (inUse > LIMIT) throw new Error(`${inUse} jobs at once`);
  }

  /** Without further deaths all runs come to their end. */
  finish(): void {
    for (let steps = 0; this.runs.length > 0; steps++) {
      if (steps > 2_000) throw new Error(`a slot was lost: ${JSON.stringify(this.machine.use())}`);
      for (const run of [...this.runs]) {
        this.ask(run);
        this.endJob(run);
      }
      this.nowMs += 5_000;
      this.work();
    }
  }
}

test(`in ${ROUNDS} rounds (seed ${seedOf(0)}) of deaths, lost answers and late asks, there are never more jobs than slots, and no slot is lost`, () => {
  for (let round = 0; round < ROUNDS; round++) {
    const world = new World(seeded(seedOf(round)));
    for (let i = 0; i < 6; i++) world.start();
    for (let steps = 0; steps < 150; steps++) {
      if (steps % 10 === 0) world.start();
      world.step();
    }
    world.finish();
  }
});

describe('a run that was reset', () => {
  /** The run that goes on with one of `runOf`. */
  const goesOn = (name: string): RunName => ({ workflowId: name, runId: `${name}-2` });
  const askAnew = (name: string, id: number, inLine: number[] = []): SlotsAsk => ({
    run: goesOn(name),
    number: 1,
    wants: [{ id, step: `step ${id}`, priority: 3 }],
    has: { slots: 0, inLine },
  });

  test('to before it asked has its slot again, and no place beside it', () => {
    send(askOf('a', [1]), 1);
    expect(send(askAnew('a', 1), 1)).toMatchObject({ granted: [1], places: {} });
    expect(usedOf(machine.use())).toEqual({ 'a-2': 1 });
  });

  test('returns a slot before it was looked for, and the next in line has it', () => {
    send(askOf('a', [1]), 1);
    send(askOf('b', [1]), 1);
    machine.returned({ run: goesOn('a'), slots: 1, left: [] }, nowMs);
    expect(tell()).toMatchObject({ b: { granted: [1] } });
  });

  test('hears that others wait, whatever it was told before', () => {
    send(askOf('a', [1]), 1);
    send(askOf('b', [1]), 1);
    expect(send(askOf('a', [2]), 1).isNeeded).toBe(true);
    nowMs += 5_000;
    const looked = look();
    machine.looked(
      looked,
      looked.runs.map(({ workflowId }) => `${workflowId}-${workflowId === 'a' ? 2 : 1}`),
      nowMs,
    );
    expect(tell()).toMatchObject({ a: { isNeeded: true } });
  });

  test('is what an ask is of that is sent again in the name of the run before, also in a new history', () => {
    send(askOf('b', [1]), 1);
    const before = askOf('a', [1]);
    send(before, 1);
    send(askAnew('a', 2, [1]), 1);
    machine = new PoolMachine(JSON.parse(JSON.stringify(machine.carry(nowMs))) as CarriedPool, nowMs);
    expect(send(before, 1).granted).toEqual([]);
    giveBack('b', 1);
    expect(tell()).toMatchObject({ a: { granted: [1] } });
    expect(usedOf(machine.use())).toEqual({ 'a-2': 1 });
  });
});
