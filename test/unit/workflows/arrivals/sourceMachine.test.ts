import type { StartOutcome } from '../../../../src/contracts/activities';
import type { Arrival } from '../../../../src/pipelines';
import type { Carried } from '../../../../src/workflows/arrivals/carry';
import { SourceMachine, type Plan, type Work } from '../../../../src/workflows/arrivals/sourceMachine';
import {
  arrivalOf,
  at,
  DAY_MS,
  DAY_START_MS,
  HOUR_MS,
  MINUTE_MS,
  subscriptionOf,
  triggerOf,
} from '../../../support/arrivals';

const INPUT = { source: { bucket: 'lake', prefix: 'in/' }, listEveryMs: 15 * MINUTE_MS };
const SHORT = { events: 10, bytes: 1_000 };
const FULL = { events: 2_001, bytes: 1_000 };

let nowMs: number;
let machine: SourceMachine;

beforeEach(() => {
  nowMs = DAY_START_MS;
  machine = new SourceMachine(INPUT, null, nowMs);
});

type Of<K extends Work['kind']> = Extract<Work, { kind: K }>;

function next(history = SHORT): Plan {
  return machine.next(nowMs, history);
}

/** The one work of its kind that is due now. */
function take<K extends Work['kind']>(kind: K, plan = next()): Of<K> {
  const found = plan.work.filter((work): work is Of<K> => work.kind === kind);
  expect(found).toHaveLength(1);
  return found[0]!;
}

const dueInMs = () => machine.dueAtMs(nowMs) - nowMs;

const kindsOf = (work: Work[]) => work.map(({ kind }) => kind).sort();
const kinds = (plan = next()) => plan.work.map(({ kind }) => kind);

function list(arrivals: Arrival[], after: string | null = null, plan = next()): Of<'list page'> {
  const work = take('list page', plan);
  machine.listed(work, { arrivals, after }, nowMs);
  return work;
}

/** Starts what is due, and answers the keys. */
function start(outcomeOf: (arrival: Arrival) => StartOutcome = startedAs, plan = next()): string[] {
  const work = take('start runs', plan);
  const { arrivals } = work.batch;
  machine.started(work, arrivals.map(outcomeOf), nowMs);
  return arrivals.map(({ key }) => key);
}

const startedAs = ({ etag, time }: Arrival): StartOutcome => ({ state: 'started', etag, time });
const DENIED: StartOutcome = {
  state: 'failed',
  code: 'AccessDenied',
  message: 'not allowed',
  passing: false,
};

function carryOver(): void {
  const carried = JSON.parse(JSON.stringify(machine.carry())) as Carried;
  machine = new SourceMachine(INPUT, carried, nowMs);
}

/** A machine with a trigger that has been listed for, and knows the retention of a day. */
function withTrigger(pipeline = 'p'): void {
  machine.addTrigger(triggerOf(pipeline), nowMs);
  const plan = next();
  machine.retentionRead(take('read retention', plan), DAY_MS);
  list([], null, plan);
}

describe('a run that waits', () => {
  test('is sent what fits it, in one signal, and the source is listed at once for it', () => {
    machine.subscribe(subscriptionOf('a', { pattern: 's3://lake/in/*.csv' }));
    expect(kinds()).toEqual(['list page']);
    machine.seen([arrivalOf('in/1.csv'), arrivalOf('in/2.txt'), arrivalOf('in/3.csv')], nowMs);
    const { signals } = take('signal runs');
    expect(signals.map(({ chunk }) => chunk.map(({ key }) => key))).toEqual([['in/1.csv', 'in/3.csv']]);
  });

  test('hears while a listing hangs', () => {
    machine.subscribe(subscriptionOf('a'));
    take('list page');
    machine.seen([arrivalOf('in/1')], nowMs);
    expect(machine.isDue(nowMs, SHORT)).toBe(true);
    expect(kinds()).toEqual(['signal runs']);
  });

  test('hears of one object version once, whether by events or listings', () => {
    machine.subscribe(subscriptionOf('a'));
    const listing = next();
    machine.seen([arrivalOf('in/1'), arrivalOf('in/1')], nowMs);
    list([arrivalOf('in/1')], null, listing);
    const work = take('signal runs');
    expect(work.signals[0]!.chunk).toHaveLength(1);
    machine.signalled(work, [true]);
    expect(machine.isDue(nowMs, SHORT)).toBe(false);
  });

  test('that is for one object ends with the first signal', () => {
    machine.subscribe(subscriptionOf('a', { once: true }));
    list([arrivalOf('in/1')]);
    machine.signalled(take('signal runs'), [true]);
    machine.seen([arrivalOf('in/2')], nowMs);
    expect(machine.isDue(nowMs, SHORT)).toBe(false);
    expect(machine.carry().subscriptions).toEqual([]);
  });

  test.each([false, true])(
    'that is for one object goes on after one that an empty one has replaced at once; told by the webhook: %s',
    (isTold) => {
      const of = subscriptionOf('a', { once: true });
      machine.subscribe(of);
      list([]);
      const told = isTold ? [of.runId] : [];
      machine.seen(
        [
          { ...arrivalOf('in/1', nowMs, { etag: 'filled', sequencer: '1' }), told },
          { ...arrivalOf('in/1', nowMs, { etag: 'none', size: 0, sequencer: '2' }), told },
        ],
        nowMs,
      );
      if (!isTold) machine.signalled(take('signal runs'), [true]);
      machine.seen([arrivalOf('in/1', nowMs, { etag: 'filled again', sequencer: '3' })], nowMs);
      const { signals } = take('signal runs');
      expect(signals.flatMap(({ chunk }) => chunk.map(({ etag }) => etag))).toEqual(['filled again']);
    },
  );

  test('is not offered what was replaced while it was checked', () => {
    const [first, last] = ['first', 'last'].map((etag) => arrivalOf('in/1', nowMs, { etag })) as [
      Arrival,
      Arrival,
    ];
    machine.subscribe(subscriptionOf('other'));
    list([first]);
    machine.subscribe(subscriptionOf('a'));
    const plan = next();
    machine.signalled(take('signal runs', plan), [true]);
    list([last], null, plan);
    machine.checked(take('check stored', plan), [true]);
    const { signals } = take('signal runs');
    expect(signals.map(({ of, chunk }) => [of.workflowId, chunk.map(({ etag }) => etag)])).toEqual([
      ['other', ['last']],
      ['a', ['last']],
    ]);
  });

  test('begins to wait within 15 seconds of another, and the source is listed for the second time all the same', () => {
    machine.subscribe(subscriptionOf('a'));
    list([]);
    nowMs += 5_000;
    machine.subscribe(subscriptionOf('b'));
    list([]);
    expect(dueInMs()).toBe(10_000);
    nowMs += 10_000;
    list([]);
    expect(dueInMs()).toBe(INPUT.listEveryMs);
  });

  test('that is for one object goes on after one without content', () => {
    machine.subscribe(subscriptionOf('a', { once: true }));
    list([arrivalOf('in/1', nowMs, { etag: 'none', size: 0 })]);
    machine.signalled(take('signal runs'), [true]);
    machine.seen([arrivalOf('in/1', nowMs, { etag: 'filled' })], nowMs);
    const { signals } = take('signal runs');
    expect(signals.flatMap(({ chunk }) => chunk.map(({ etag }) => etag))).toEqual(['filled']);
  });

  test('is sent nothing that the webhook has told it, and that ends a wait for one object', () => {
    const of = subscriptionOf('a', { once: true });
    machine.subscribe(of);
    list([]);
    machine.seen([{ ...arrivalOf('in/1'), told: [of.runId] }], nowMs);
    expect(machine.isDue(nowMs, SHORT)).toBe(false);
    expect(machine.carry().subscriptions).toEqual([]);
  });

  test('that unsubscribes hears no more, and another wait of the run still does', () => {
    machine.subscribe(subscriptionOf('a', { step: 'first' }));
    machine.subscribe(subscriptionOf('a', { step: 'second' }));
    machine.unsubscribe(subscriptionOf('a', { step: 'first' }));
    list([arrivalOf('in/1')]);
    expect(take('signal runs').signals.map(({ of }) => of.step)).toEqual(['second']);
  });

  test('is forgotten when it cannot wait any more', () => {
    machine.subscribe(subscriptionOf('a', { until: at(nowMs + HOUR_MS) }));
    list([]);
    nowMs += HOUR_MS;
    next();
    expect(machine.carry().subscriptions).toEqual([]);
  });
});

describe('of two versions of one second, the event of the last of which was lost,', () => {
  const first = arrivalOf('in/1', DAY_START_MS + 700, { etag: 'first', sequencer: 'A1' });
  const last = arrivalOf('in/1', DAY_START_MS, { etag: 'last' });
  const sent = (work: Of<'signal runs'>) => {
    machine.signalled(work, [true]);
    return work.signals.flatMap(({ chunk }) => chunk.map(({ etag }) => etag));
  };

  test('a run hears of the last as soon as it is listed, and the event of the first changes nothing any more', () => {
    machine.subscribe(subscriptionOf('a'));
    list([]);
    machine.seen([first], nowMs);
    expect(sent(take('signal runs'))).toEqual(['first']);
    nowMs += 15 * MINUTE_MS;
    list([last]);
    expect(sent(take('signal runs'))).toEqual(['last']);
    machine.seen([first], nowMs);
    expect(kinds()).toEqual([]);
  });

  test('a run that subscribes late hears of it', () => {
    machine.seen([first], nowMs);
    machine.subscribe(subscriptionOf('a'));
    const plan = next();
    machine.checked(take('check stored', plan), [false]);
    list([last], null, plan);
    expect(sent(take('signal runs'))).toEqual(['last']);
  });

  test('an event goes before a page that was asked for when it had not come', () => {
    machine.subscribe(subscriptionOf('a'));
    const plan = next();
    machine.seen([first], nowMs);
    list([last], null, plan);
    expect(sent(take('signal runs'))).toEqual(['first']);
  });
});

describe('a run that subscribes late', () => {
  beforeEach(() => {
    machine.seen([arrivalOf('in/1'), arrivalOf('in/2'), arrivalOf('in/old', nowMs - HOUR_MS)], nowMs);
    machine.subscribe(subscriptionOf('a'));
  });

  test('is sent what is remembered from its since on and is still there', () => {
    const check = take('check stored');
    expect(check.arrivals.map(({ key }) => key)).toEqual(['in/1', 'in/2']);
    machine.checked(check, [false, true]);
    expect(take('signal runs').signals[0]!.chunk.map(({ key }) => key)).toEqual(['in/2']);
  });

  test('while another is checked for has its own check', () => {
    const first = take('check stored');
    machine.subscribe(subscriptionOf('b'));
    expect(kinds()).toEqual([]);
    machine.checked(first, [true, true]);
    const second = take('check stored');
    expect(second.newcomers.map(({ of }) => of.workflowId)).toEqual(['b']);
  });

  test('whose check was given up is listed for anew: a listing has passed over it, and it may be forgotten', () => {
    const plan = next();
    const check = take('check stored', plan);
    list([arrivalOf('in/1')], 'in/1', plan);
    machine.abandoned(check);
    const carried = { ...(JSON.parse(JSON.stringify(machine.carry())) as Carried), memory: [] };
    machine = new SourceMachine(INPUT, carried, nowMs);
    list([arrivalOf('in/2')]);
    const again = next();
    machine.signalled(take('signal runs', again), [true]);
    const { listing } = list([arrivalOf('in/1'), arrivalOf('in/2')], null, again);
    expect(listing.since).toBe(at(DAY_START_MS));
    expect(take('signal runs').signals[0]!.chunk.map(({ key }) => key)).toEqual(['in/1']);
  });

  test('whose check was given up is listed for anew also when a whole listing has passed meanwhile', () => {
    nowMs += HOUR_MS;
    const plan = next();
    const check = take('check stored', plan);
    list([arrivalOf('in/1')], null, plan);
    machine.abandoned(check);
    const carried = { ...(JSON.parse(JSON.stringify(machine.carry())) as Carried), memory: [] };
    machine = new SourceMachine(INPUT, carried, nowMs);
    const { listing } = list([arrivalOf('in/1')]);
    expect(listing.since).toBe(at(DAY_START_MS));
    expect(take('signal runs').signals[0]!.chunk.map(({ key }) => key)).toEqual(['in/1']);
  });

  test('whose check has to wait is not listed to by a listing that passes over what may be forgotten', () => {
    nowMs += HOUR_MS;
    const plan = next();
    machine.subscribe(subscriptionOf('b'));
    list([arrivalOf('in/1')], null, plan);
    list([arrivalOf('in/1')]);
    machine.abandoned(take('check stored', plan));
    const carried = { ...(JSON.parse(JSON.stringify(machine.carry())) as Carried), memory: [] };
    machine = new SourceMachine(INPUT, carried, nowMs);
    list([arrivalOf('in/1')]);
    expect(take('signal runs').signals.map(({ of, chunk }) => [of.workflowId, chunk.length])).toEqual([
      ['a', 1],
      ['b', 1],
    ]);
  });

  test('is sent it as it is when it cannot be checked, and that is told', () => {
    machine.failed(take('check stored'), { code: 'Transient', message: 'down' }, nowMs);
    const plan = next();
    expect(plan.log).toMatchObject([{ level: 'warn', attributes: { error: 'Transient: down' } }]);
    expect(take('signal runs', plan).signals[0]!.chunk).toHaveLength(2);
  });

  test('in the middle of a listing is listed for anew, from its since', () => {
    nowMs += HOUR_MS;
    const listing = next();
    machine.subscribe(subscriptionOf('b', { since: at(DAY_START_MS - DAY_MS) }));
    list([], 'in/m', listing);
    list([]);
    const { listing: another } = take('list page');
    expect(another.since).toBe(at(DAY_START_MS - DAY_MS));
  });

  test('in the middle of a listing is listed for anew also when the history ends meanwhile', () => {
    nowMs += HOUR_MS;
    const plan = next();
    machine.checked(take('check stored', plan), []);
    list([], 'in/m', plan);
    machine.subscribe(subscriptionOf('b', { since: at(DAY_START_MS - DAY_MS) }));
    carryOver();
    const listing = next();
    list([], null, listing);
    expect(take('list page').listing.since).toBe(at(DAY_START_MS - DAY_MS));
  });
});

describe('a signal that finds no run', () => {
  const lost = () => {
    const work = take('signal runs');
    machine.signalled(work, [false]);
    return take('find resets');
  };

  test('goes to the run that it was reset to, of which the subscriptions are from then on', () => {
    machine.subscribe(subscriptionOf('a', { step: 'first' }));
    machine.subscribe(subscriptionOf('a', { step: 'second', pattern: 's3://lake/in/x/*' }));
    list([arrivalOf('in/1')]);
    machine.resetsFound(lost(), ['a 2']);
    const [signal] = take('signal runs').signals;
    expect(signal).toMatchObject({ of: { runId: 'a 2', step: 'first' }, chunk: [{ key: 'in/1' }] });
    expect(machine.carry().subscriptions.map(({ of }) => of.runId)).toEqual(['a 2', 'a 2']);
  });

  test('of a wait for one object finds the run that it was reset to', () => {
    machine.subscribe(subscriptionOf('a', { once: true }));
    list([arrivalOf('in/1')]);
    machine.resetsFound(lost(), ['a 2']);
    const work = take('signal runs');
    expect(work.signals[0]!.of.runId).toBe('a 2');
    machine.signalled(work, [true]);
    expect(machine.carry().subscriptions).toEqual([]);
  });

  test('goes to the subscription that the run has made anew', () => {
    machine.subscribe(subscriptionOf('a'));
    list([arrivalOf('in/1')]);
    const resets = lost();
    machine.subscribe({ ...subscriptionOf('a'), runId: 'a 2' });
    machine.resetsFound(resets, ['a 2']);
    expect(machine.carry().subscriptions).toHaveLength(1);
    expect(take('signal runs').signals).toMatchObject([{ of: { runId: 'a 2' }, chunk: [{ key: 'in/1' }] }]);
  });

  test('ends all waits of a run that is gone, and those of others go on', () => {
    machine.subscribe(subscriptionOf('a', { step: 'first' }));
    machine.subscribe(subscriptionOf('a', { step: 'second', pattern: 's3://lake/in/x/*' }));
    machine.subscribe(subscriptionOf('b', { pattern: 's3://lake/in/x/*' }));
    list([arrivalOf('in/1')]);
    machine.resetsFound(lost(), [null]);
    expect(machine.carry().subscriptions.map(({ of }) => of.workflowId)).toEqual(['b']);
  });
});

describe('a trigger', () => {
  test('starts one run for each object version, however often and wherever it is seen', () => {
    withTrigger();
    machine.seen([arrivalOf('in/1'), arrivalOf('in/1')], nowMs);
    expect(start()).toEqual(['in/1']);
    machine.seen([arrivalOf('in/1')], nowMs);
    nowMs += 15 * MINUTE_MS;
    list([arrivalOf('in/1')]);
    expect(machine.isDue(nowMs, SHORT)).toBe(false);
    machine.seen([arrivalOf('in/1', nowMs, { etag: 'other' })], nowMs);
    expect(start()).toEqual(['in/1']);
  });

  test('starts nothing for an object without content, but for what takes its place, unless it takes empty ones', () => {
    withTrigger();
    machine.addTrigger({ ...triggerOf('taking'), empty: 'take' }, nowMs);
    const plan = next();
    list([], null, plan);
    machine.seen([arrivalOf('in/1', nowMs, { etag: 'none', size: 0 })], nowMs);
    const [first, ...others] = next().work.filter((work) => work.kind === 'start runs');
    expect([first?.batch.trigger.of.pipeline, others]).toEqual(['taking', []]);
    machine.started(first!, [startedAs(first!.batch.arrivals[0]!)], nowMs);
    machine.seen([arrivalOf('in/1', nowMs, { etag: 'filled' })], nowMs);
    const started = next().work.flatMap((work) => (work.kind === 'start runs' ? [work.batch] : []));
    expect(started.map(({ trigger }) => trigger.of.pipeline).sort()).toEqual(['p', 'taking']);
    expect(started.flatMap(({ arrivals }) => arrivals.map(({ etag }) => etag))).toEqual(['filled', 'filled']);
  });

  test('starts what is remembered when it is added', () => {
    machine.seen([arrivalOf('in/1'), arrivalOf('in/early', DAY_START_MS - HOUR_MS)], nowMs);
    machine.addTrigger(triggerOf('p'), nowMs);
    expect(start()).toEqual(['in/1']);
  });

  test('has one batch under way, and another trigger does not wait for it', () => {
    withTrigger();
    machine.addTrigger(triggerOf('q', { pattern: 's3://lake/in/q/*' }), nowMs);
    machine.seen([arrivalOf('in/1')], nowMs);
    take('start runs');
    machine.seen([arrivalOf('in/q/2')], nowMs);
    const plan = next();
    expect(take('start runs', plan).batch.trigger.of.pipeline).toBe('q');
  });

  test('sets an object aside that cannot start its run, shows it, tells it once, and goes on with the others', () => {
    withTrigger();
    const outcomeOf = (arrival: Arrival) => (arrival.key === 'in/bad' ? DENIED : startedAs(arrival));
    machine.seen([arrivalOf('in/bad'), arrivalOf('in/1')], nowMs);
    expect(start(outcomeOf)).toEqual(['in/bad', 'in/1']);
    const { log } = next();
    expect(log).toMatchObject([
      { attributes: { object: 's3://lake/in/bad', error: 'AccessDenied: not allowed' } },
    ]);
    expect(machine.triggerStatuses()).toMatchObject([
      {
        pipeline: 'p',
        setAside: [
          { uri: 's3://lake/in/bad', code: 'AccessDenied', attempts: 1, nextAt: at(nowMs + MINUTE_MS) },
        ],
      },
    ]);
    expect(dueInMs()).toBe(15_000);
    machine.seen([arrivalOf('in/2')], nowMs);
    expect(start(outcomeOf)).toEqual(['in/2']);
    nowMs += MINUTE_MS;
    const again = next();
    expect(start(outcomeOf, again)).toEqual(['in/bad']);
    expect(next().log).toEqual([]);
    nowMs += 2 * MINUTE_MS;
    expect(start()).toEqual(['in/bad']);
    expect(machine.triggerStatuses()[0]!.setAside).toEqual([]);
  });

  test('whose batch fails as a whole tells it once, pauses, and loses nothing', () => {
    withTrigger();
    machine.seen([arrivalOf('in/1'), arrivalOf('in/2')], nowMs);
    const failure = { code: 'Transient', message: 'no answer' } as const;
    const logged: string[] = [];
    for (let i = 0; i < 2; i++) {
      machine.failed(take('start runs'), failure, nowMs);
      logged.push(...next().log.map(({ message }) => message));
      expect(machine.isDue(nowMs, SHORT)).toBe(false);
      nowMs += dueInMs();
    }
    expect(logged).toEqual(['runs could not be started, they are tried again']);
    expect(start()).toEqual(['in/1', 'in/2']);
  });

  test('that takes the place of another keeps what is on its way, and is listed for from an earlier since', () => {
    withTrigger();
    machine.seen([arrivalOf('in/1')], nowMs);
    machine.addTrigger(triggerOf('p', { input: { a: 1 }, since: at(DAY_START_MS - DAY_MS) }), nowMs);
    const plan = next();
    expect(take('list page', plan).listing.since).toBe(at(DAY_START_MS - DAY_MS));
    expect(take('start runs', plan).batch).toMatchObject({
      trigger: { of: { input: { a: 1 } } },
      arrivals: [{ key: 'in/1' }],
    });
  });

  test('that was removed starts nothing', () => {
    withTrigger();
    machine.seen([arrivalOf('in/1')], nowMs);
    machine.removeTrigger({ pipeline: 'p', pattern: 's3://lake/in/**' });
    expect(kinds()).toEqual([]);
    expect(machine.triggerStatuses()).toEqual([]);
  });

  test('keeps half a megabyte pending; the next listing finds the rest', () => {
    withTrigger();
    const arrivals = Array.from({ length: 4_000 }, (_, i) => arrivalOf(`in/${i}`));
    machine.seen(arrivals, nowMs);
    const started = new Set<string>();
    const startAll = () => {
      for (let plan = next(); plan.work.length > 0; plan = next())
        for (const work of plan.work) {
          if (work.kind === 'list page')
            machine.listed(work, { arrivals: started.size < 4_000 ? arrivals : [], after: null }, nowMs);
          if (work.kind !== 'start runs') continue;
          for (const { key } of work.batch.arrivals) {
            expect(started.has(key)).toBe(false);
            started.add(key);
          }
          machine.started(work, work.batch.arrivals.map(startedAs), nowMs);
        }
    };
    startAll();
    expect(started.size).toBeGreaterThan(1_000);
    expect(started.size).toBeLessThan(4_000);
    for (let i = 0; i < 3; i++) {
      nowMs += 15 * MINUTE_MS;
      startAll();
    }
    expect(started.size).toBe(4_000);
  });

  test('does not list further pages while much is to be started', () => {
    withTrigger();
    nowMs += 15 * MINUTE_MS;
    list(
      Array.from({ length: 700 }, (_, i) => arrivalOf(`in/${i}`)),
      'in/700',
    );
    expect(kinds()).toEqual(['start runs']);
  });
});

describe('listings that fail', () => {
  const failure = { code: 'AccessDenied', message: 'ListBucket' } as const;
  const kindsDue = () => kinds(next());

  /** A listing that fails; the runs that are told of it, each with how many have failed. */
  function failListing(): [string, number | null][] {
    const work = take('list page');
    machine.noteFailedListing(failure, nowMs);
    machine.failed(work, failure, nowMs);
    return tell();
  }

  function tell(): [string, number | null][] {
    const work = next().work.find((one): one is Of<'tell runs'> => one.kind === 'tell runs');
    if (work === undefined) return [];
    machine.told(work);
    return work.tellings.map(({ of, report }) => [of.step, report.retry?.attempt ?? null]);
  }

  test('are told to the runs that wait, the first at once and then ever less often', () => {
    machine.subscribe({ ...subscriptionOf('a'), step: 'wait' });
    const told = Array.from({ length: 20 }, () => {
      const now = failListing();
      nowMs += 15 * MINUTE_MS;
      return now.map(([, failures]) => failures);
    });
    expect(told.flat()).toEqual([1, 2, 4, 8, 16]);
  });

  test('are told with their time, to a run that comes later, too, and across histories', () => {
    machine.subscribe({ ...subscriptionOf('a'), step: 'wait' });
    failListing();
    carryOver();
    nowMs += 15 * MINUTE_MS;
    machine.subscribe({ ...subscriptionOf('b'), step: 'wait for b' });
    const plan = next();
    const tellings = take('tell runs', plan);
    expect(tellings.tellings.map(({ of }) => of.step)).toEqual(['wait for b']);
    machine.told(tellings);
    machine.noteFailedListing(failure, nowMs);
    machine.failed(take('list page', plan), failure, nowMs);
    expect(take('tell runs').tellings).toEqual(
      ['wait', 'wait for b'].map((step) => ({
        of: expect.objectContaining({ step }),
        report: {
          step,
          retry: {
            doing: 'list',
            attempt: 2,
            failure,
            activityId: null,
            failingForMs: 15 * MINUTE_MS,
            nextInMs: 15 * MINUTE_MS,
          },
        },
      })),
    );
  });

  test('and go well again are told once', () => {
    machine.subscribe({ ...subscriptionOf('a'), step: 'wait' });
    failListing();
    nowMs += 15 * MINUTE_MS;
    list([]);
    expect(tell()).toEqual([['wait', null]]);
    expect(kindsDue()).toEqual([]);
  });
});

describe('an outage of listing', () => {
  /** Events of a day and a half, one an hour, none of which is listed. */
  function play(hours: number): Arrival[] {
    withTrigger();
    const told: Arrival[] = [];
    for (let i = 0; i < hours; i++) {
      nowMs += HOUR_MS;
      const arrival = arrivalOf(`in/${i}`, nowMs);
      told.push(arrival);
      machine.seen([arrival], nowMs);
      expect(start()).toEqual([`in/${i}`]);
      // Forgets all, as if more than the memory holds had come.
      const carried = machine.carry();
      machine = new SourceMachine(INPUT, { ...carried, memory: [] }, nowMs);
      const plan = next();
      machine.failed(take('list page', plan), { code: 'AccessDenied', message: 'ListBucket' }, nowMs);
      for (let due = next(); due.work.length > 0; due = next())
        for (const work of due.work)
          machine.failed(work, { code: 'AccessDenied', message: 'ListBucket' }, nowMs);
    }
    return told;
  }

  test.each([6, 30, 60, 24 * 20])('of %i hours starts no second run, and misses none', (hours) => {
    const told = play(hours);
    nowMs += HOUR_MS;
    const untold = told.map(({ key, time }) => arrivalOf(`${key}-untold`, Date.parse(time)));
    const found = [...told, ...untold];
    const started: string[] = [];
    list(found);
    for (let plan = next(); plan.work.length > 0; plan = next())
      for (const work of plan.work) {
        if (work.kind === 'list page') machine.listed(work, { arrivals: found, after: null }, nowMs);
        if (work.kind !== 'start runs') continue;
        started.push(...work.batch.arrivals.map(({ key }) => key));
        machine.started(work, work.batch.arrivals.map(startedAs), nowMs);
      }
    expect(started.sort()).toEqual(untold.map(({ key }) => key).sort());
  });

  test('an event that comes later than the retention is left to the listing', () => {
    withTrigger();
    nowMs += 3 * DAY_MS;
    list([]);
    machine.seen([arrivalOf('in/1', nowMs - 2 * DAY_MS)], nowMs);
    expect(machine.isDue(nowMs, SHORT)).toBe(false);
  });

  test('what is older than server and record know starts nothing, and is told', () => {
    withTrigger();
    nowMs += 3 * DAY_MS;
    const carried = machine.carry();
    const startedRuns = { entries: [], completeSinceMs: nowMs - DAY_MS };
    machine = new SourceMachine(INPUT, { ...carried, startedRuns }, nowMs);
    list([arrivalOf('in/old', nowMs - 2.6 * DAY_MS), arrivalOf('in/new', nowMs - 0.6 * DAY_MS)]);
    const plan = next();
    expect(plan.log).toMatchObject([{ attributes: { object: 's3://lake/in/old' } }]);
    expect(start(startedAs, plan)).toEqual(['in/new']);
  });
});

describe('listing', () => {
  test('goes page by page, and begins ten minutes before the last', () => {
    machine.subscribe(subscriptionOf('a'));
    list([], 'in/b');
    const second = list([], null);
    expect(second.listing.after).toBe('in/b');
    expect(dueInMs()).toBe(15_000);
    nowMs += HOUR_MS;
    expect(list([]).listing.since).toBe(at(DAY_START_MS));
    nowMs += HOUR_MS;
    expect(list([]).listing.since).toBe(at(nowMs - HOUR_MS - 10 * MINUTE_MS));
    expect(dueInMs()).toBe(15 * MINUTE_MS);
  });

  test('every six hours goes back to the since of each', () => {
    machine.subscribe(subscriptionOf('a'));
    list([]);
    nowMs += 5 * HOUR_MS;
    expect(list([]).listing.isFull).toBe(false);
    nowMs += HOUR_MS;
    expect(list([]).listing).toMatchObject({ isFull: true, since: at(DAY_START_MS) });
  });

  test('that failed comes again on the timer, from where the last one began', () => {
    machine.subscribe(subscriptionOf('a'));
    list([]);
    nowMs += HOUR_MS;
    machine.failed(take('list page'), { code: 'Transient', message: 'down' }, nowMs);
    next();
    expect(machine.isDue(nowMs, SHORT)).toBe(false);
    nowMs += 15 * MINUTE_MS;
    expect(take('list page').listing.since).toBe(at(DAY_START_MS));
  });
});

describe('a history that is full', () => {
  test('is handed over with all that is pending, and the next one goes on with it', () => {
    withTrigger();
    machine.subscribe(subscriptionOf('a', { pattern: 's3://lake/in/*' }));
    machine.seen([arrivalOf('in/1'), arrivalOf('in/2')], nowMs);
    const { carried, work } = next(FULL);
    expect(work).toEqual([]);
    machine = new SourceMachine(INPUT, JSON.parse(JSON.stringify(carried)) as Carried, nowMs);
    const plan = next();
    expect(take('signal runs', plan).signals[0]!.chunk).toHaveLength(2);
    expect(take('start runs', plan).batch.arrivals).toHaveLength(2);
  });

  test('gives up what is under way, which the next one does again', () => {
    withTrigger();
    machine.subscribe(subscriptionOf('a'));
    machine.seen([arrivalOf('in/1')], nowMs);
    const { work } = next();
    expect(kindsOf(work)).toEqual(['check stored', 'list page', 'signal runs', 'start runs']);
    expect(next(FULL)).toMatchObject({ abandon: true, carried: null, work: [] });
    expect(machine.isDue(nowMs, FULL)).toBe(false);
    for (const one of work)
      if (one.kind === 'signal runs') machine.signalled(one, [true]);
      else machine.abandoned(one);
    const { carried } = next(FULL);
    machine = new SourceMachine(INPUT, JSON.parse(JSON.stringify(carried)) as Carried, nowMs);
    expect(kindsOf(next().work)).toEqual(['check stored', 'list page', 'start runs']);
  });

  test('looks for the runs of lost signals before it is handed over', () => {
    machine.subscribe(subscriptionOf('a'));
    list([arrivalOf('in/1')]);
    machine.signalled(take('signal runs'), [false]);
    const resets = take('find resets', next(FULL));
    expect(machine.isDue(nowMs, FULL)).toBe(false);
    machine.resetsFound(resets, ['a 2']);
    expect(next(FULL).carried).toMatchObject({ subscriptions: [{ of: { runId: 'a 2' }, pending: [0] }] });
  });

  test('whose state is more than a payload holds is handed over when what is pending was sent', () => {
    machine.subscribe(subscriptionOf('a'));
    list([]);
    const long = 'x'.repeat(900);
    machine.seen(
      Array.from({ length: 2_000 }, (_, i) => arrivalOf(`in/${long}${i}`)),
      nowMs,
    );
    let plan = next(FULL);
    for (let turns = 0; plan.carried === null; turns++, plan = next(FULL)) {
      expect(turns).toBeLessThan(20);
      for (const work of plan.work) if (work.kind === 'signal runs') machine.signalled(work, [true]);
    }
    expect(JSON.stringify(plan.carried).length).toBeLessThanOrEqual(1.5 * 1024 * 1024);
  });

  test('with too many runs to be carried goes on, and says so', () => {
    for (let i = 0; i < 9_000; i++) machine.subscribe(subscriptionOf(`run-${i}`.padEnd(60, 'x')));
    list([]);
    next();
    const { log, carried } = next(FULL);
    const told = [...log, ...next(SHORT).log];
    expect(carried).toBeNull();
    expect(told).toMatchObject([{ level: 'error' }]);
    expect(machine.isDue(nowMs, FULL)).toBe(false);
  });
});

describe('a source that nobody waits on', () => {
  test('is not listed, remembers for two weeks, and is over then', () => {
    machine.seen([arrivalOf('in/1')], nowMs);
    expect(next()).toMatchObject({ work: [], isOver: false });
    nowMs += dueInMs() + 1;
    expect(next().isOver).toBe(false);
    nowMs += dueInMs();
    expect(next().isOver).toBe(true);
  });

  test('that has heard of nothing is over after a minute', () => {
    expect(next().isOver).toBe(false);
    nowMs += dueInMs();
    expect(next().isOver).toBe(true);
  });

  test('goes on when somebody begins to wait', () => {
    next();
    nowMs += MINUTE_MS;
    machine.subscribe(subscriptionOf('a'));
    expect(next()).toMatchObject({ isOver: false, work: [{ kind: 'list page' }] });
  });
});

test('10,000 runs that wait take a page of 1,000 objects in the time of one look through them all', () => {
  const patternOf = (i: number) => `s3://lake/in/*/day-${i}/**/*.csv`;
  for (let i = 0; i < 10_000; i++)
    machine.subscribe({ ...subscriptionOf(`run-${i}`), pattern: patternOf(i) });
  list([]);
  machine.seen([arrivalOf('in/x/day-1/warm.csv')], nowMs);
  const page = Array.from({ length: 1_000 }, (_, i) => arrivalOf(`in/x/day-${i}/a/b.csv`));
  // The quickest of several: a machine that is busy makes each slow, and none quick.
  const tookMs = Math.min(
    ...Array.from({ length: 5 }, () => {
      const startedMs = performance.now();
      machine.seen(page, nowMs);
      return performance.now() - startedMs;
    }),
  );
  const { signals } = take('signal runs');
  expect(
    signals.every(({ of, chunk }) => chunk.every(({ key }) => of.pattern === patternOf(dayOf(key)))),
  ).toBe(true);
  expect(signals.length).toBeGreaterThan(0);
  expect(tookMs).toBeLessThan(500);
});

const dayOf = (key: string) => Number(/day-(\d+)/.exec(key)![1]);
