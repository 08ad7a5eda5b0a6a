/** Runs with jobs one after the other around one pool, some of which are reset: each asks and returns as `Slots` does. */
import type { RunName, SlotsAsk } from '../../../../src/contracts/pools';
import { seeded, whole } from '../../../../src/testing/random';
import { PoolMachine } from '../../../../src/workflows/pools/poolMachine';
import { countOf, seedOf } from '../../../support/long';

const ROUNDS = countOf({ suite: 200, soak: 2_000 });
const SHORT = { events: 10, bytes: 10 };

interface Sim {
  name: RunName;
  now: State;
  /** What its history says after each of its events, to one of which it may be reset. */
  before: State[];
}

interface State {
  /** Jobs to be done. */
  left: number;
  phase: 'idle' | 'in line' | 'working';
  asks: number;
  ids: number;
}

/** @returns the runs that did not end within a day, though each job takes a minute */
function play(seed: number, resets: boolean): string[] {
  const random = seeded(seed);
  let nowMs = 1e12;
  const machine = new PoolMachine(null, nowMs);
  const sims = new Map<string, Sim>();
  for (let i = 0; i < 3; i++) {
    const name = { workflowId: `w${i}`, runId: `w${i}-1` };
    sims.set(name.workflowId, { name, now: { left: 4, phase: 'idle', asks: 0, ids: 0 }, before: [] });
  }
  const go = (sim: Sim, change: Partial<State>) => {
    sim.before.push(sim.now);
    sim.now = { ...sim.now, ...change };
  };
  /** Signals that came after the task to which a run is reset are in its new history as well. */
  const signalled = new Set<string>();
  const resetsLeft = { count: resets ? 2 : 0 };
  for (let minute = 0; minute < 24 * 60 && sims.size > 0; minute++) {
    for (const sim of [...sims.values()]) {
      if (resetsLeft.count > 0 && sim.before.length > 1 && random() < 0.1) {
        resetsLeft.count--;
        const at = whole(random, 0, sim.before.length - 1);
        sim.now = sim.before[at]!;
        sim.before = sim.before.slice(0, at);
        if (sim.now.phase === 'in line' && signalled.has(`${sim.name.workflowId} ${sim.now.ids}`))
          sim.now = { ...sim.now, phase: 'working' };
        const [id, n] = sim.name.runId.split('-') as [string, string];
        sim.name = { ...sim.name, runId: `${id}-${Number(n) + 1}` };
      }
      if (random() < 0.3) continue;
      if (sim.now.phase === 'idle') {
        const id = sim.now.ids + 1;
        const ask: SlotsAsk = {
          run: sim.name,
          number: sim.now.asks + 1,
          wants: [{ id, step: 'job', priority: 3 }],
          has: { slots: 0, inLine: [] },
        };
        const [answer] = machine.ask({ slots: 1, slotsAsOfMs: 1, asks: [ask] }, nowMs);
        go(sim, { asks: ask.number, ids: id, phase: answer!.granted.includes(id) ? 'working' : 'in line' });
      } else if (sim.now.phase === 'working') {
        machine.returned({ run: sim.name, slots: 1, left: [] }, nowMs);
        go(sim, { left: sim.now.left - 1, phase: 'idle' });
        if (sim.now.left === 0) sims.delete(sim.name.workflowId);
      }
    }
    nowMs += 60_000;
    for (let turn = 0; turn < 3; turn++)
      for (const work of machine.next(nowMs, SHORT).work) {
        const currentOf = ({ workflowId }: RunName) => sims.get(workflowId)?.name.runId ?? null;
        if (work.kind === 'look at runs') machine.looked(work, work.runs.map(currentOf), nowMs);
        else {
          const sim = sims.get(work.run.workflowId);
          const isThere = sim?.name.runId === work.run.runId;
          if (isThere) for (const id of work.granted) signalled.add(`${work.run.workflowId} ${id}`);
          if (isThere && sim.now.phase === 'in line' && work.granted.includes(sim.now.ids))
            go(sim, { phase: 'working' });
          machine.told(work, isThere, nowMs);
        }
      }
  }
  return [...sims.keys()];
}

test.each([false, true])(
  'every run comes to its end, with resets: %s',
  (resets) => {
    const stuck: string[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const left = play(seedOf(round), resets);
      if (left.length > 0) stuck.push(`seed ${seedOf(round)}: ${left.join(', ')}`);
    }
    expect(stuck).toEqual([]);
  },
  120_000,
);
