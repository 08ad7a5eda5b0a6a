import {
  createTestStack,
  oneOf,
  seeded,
  type JobScript,
  type ScriptedJob,
  type TestRun,
  type TestStack,
} from '../../../src/testing';
import { job } from '../../../src/workflows/job';
import { main } from '../../../src/workflows/main';
import { marketingAndSales, outputsOf } from '../../../src/workflows/marketingAndSales';
import { outputsOf as outputsOfRateCodes, rateCodes } from '../../../src/workflows/rateCodes';
import type { AnyPipeline } from '../../../src/workflows/steps';
import { countOf, isLong, seedOf } from '../../support/long';
import { branches, family, items, partition, twins } from './retryPipelines';

let stack: TestStack;

beforeAll(async () => {
  const shipped = [main, marketingAndSales, rateCodes, job];
  stack = await createTestStack({ pipelines: [branches, items, family, twins, partition, ...shipped] });
}, 120_000);

afterAll(() => stack?.stop());

/** What each job answers, so that results show which jobs they come from. */
const answer = ({ step }: ScriptedJob) => ({ succeeds: { payload: step } });
const STEPS = ['clean left', 'count left', 'count right', 'join', 'load *', 'sum', 'close'];

let submittedBefore = 0;
beforeEach(async () => {
  for (const step of STEPS) stack.script(step, answer);
  await stack.put('s3://lake/clean-left/part-0.csv');
  await stack.put('s3://lake/clean-left/_SUCCESS');
  // What is written before a job ends is its own.
  await stack.skip('1 minute');
  submittedBefore = stack.submitted.length;
});

/** The steps whose jobs were submitted since this was asked last. */
function submittedSince(): string[] {
  const steps = stack.submitted.slice(submittedBefore).map(({ step }) => step);
  submittedBefore = stack.submitted.length;
  return steps.sort();
}

const ALL = ['clean left', 'count left', 'count right', 'join'];
const RESULT = { left: 'count left', right: 'count right', joined: 'join' };

/** A run of `branches` whose objects are there. */
async function startBranches(input = {}): Promise<TestRun<unknown>> {
  const run = await stack.start(branches, input);
  await stack.arrive('s3://lake/left/a.csv', { body: `left ${run.id}` });
  await stack.arrive('s3://lake/right/b.csv', { body: `right ${run.id}` });
  return run;
}

const stateOf = async (run: TestRun<unknown>) =>
  Object.fromEntries(
    (await run.status()).steps
      .filter(({ kind }) => kind !== 'group')
      .map(({ name, state, takenFrom }) => [name, takenFrom ? `${state}, ${takenFrom.job}` : state]),
  );

test('a retry does only what failed, and gives what a run gives that never failed', async () => {
  stack.script('join', { fails: 'no room on the disk' });
  const failed = await startBranches();
  expect((await failed.failure()).step).toBe('join');
  expect(submittedSince()).toEqual(ALL);
  stack.script('join', answer);
  const retry = await stack.retry(failed);
  expect(await retry.result()).toEqual(RESULT);
  expect(submittedSince()).toEqual(['join']);
  expect(await stateOf(retry)).toEqual({
    ...{ 'wait left': 'succeeded, reused', 'clean left': 'succeeded, reused' },
    ...{ 'count left': 'succeeded, reused', 'wait right': 'succeeded, reused' },
    ...{ 'count right': 'succeeded, reused', join: 'succeeded' },
  });
  expect(await retry.status()).toMatchObject({ retryOf: { id: failed.id } });
});

test('a second retry is refused while the first runs, and goes on with it when that has failed', async () => {
  stack.script('count right', { fails: 'first' });
  stack.script('join', { takes: '1 hour' });
  const failed = await startBranches();
  await failed.failure();
  submittedSince();
  const again = await stack.retry(failed);
  expect((await again.failure()).step).toBe('count right');
  expect(again.id).toBe(`${failed.id}-retry-1`);
  stack.script('count right', answer);
  const third = await stack.retry(failed);
  await third.waitUntil('join', 'running');
  const refusal = `${again.id} is retried by`;
  await expect(stack.retry(again)).rejects.toThrow(refusal.replace(again.id, again.id));
  await expect(stack.retry(failed)).rejects.toThrow(
    `${failed.id} is retried by ${failed.id}-retry-2 already`,
  );
  await third.result();
  expect(submittedSince()).toEqual(['count right', 'count right', 'join']);
});

test('a job that goes on after its run was terminated is awaited, not done again', async () => {
  stack.script('count left', { takes: '3 hours', succeeds: { payload: 'count left' } });
  const run = await startBranches();
  await run.waitUntil('count left', 'running');
  await run.terminate();
  submittedSince();
  await stack.skip('1 hour');
  const retry = await stack.retry(run);
  expect(await stateOf(retry)).toMatchObject({ 'count left': 'running, adopted' });
  expect(await retry.result()).toEqual(RESULT);
  expect(submittedSince()).toEqual(['join']);
});

test('a job whose output was written anew since is done again, with all that comes after it in its branch', async () => {
  stack.script('join', { fails: 'once' });
  const failed = await startBranches();
  await failed.failure();
  submittedSince();
  await stack.skip('1 minute');
  await stack.put('s3://lake/clean-left/part-0.csv');
  stack.script('join', answer);
  expect(await (await stack.retry(failed)).result()).toEqual(RESULT);
  expect(submittedSince()).toEqual(['clean left', 'count left', 'join']);
});

test('an object that was replaced since is taken as it is now', async () => {
  stack.script('join', { fails: 'once' });
  const failed = await startBranches();
  await failed.failure();
  submittedSince();
  // A listing tells whole seconds.
  await stack.skip('1 minute');
  await stack.put('s3://lake/right/b.csv', { body: 'other bytes' });
  stack.script('join', answer);
  const retry = await stack.retry(failed);
  expect(await retry.result()).toEqual(RESULT);
  expect(submittedSince()).toEqual(['count right', 'join']);
});

test.each([
  ['from', ['clean left'], ['clean left', 'count left', 'join']],
  ['from', ['count right'], ['count right', 'join']],
  ['redo', ['clean left'], ['clean left', 'join']],
] as const)('--%s %s does anew what it says', async (option, steps, expected) => {
  stack.script('join', { fails: 'once' });
  const failed = await startBranches();
  await failed.failure();
  submittedSince();
  stack.script('join', answer);
  await (await stack.retry(failed, { [option]: steps })).result();
  expect(submittedSince()).toEqual(expected);
});

test('what was done anew alone leads to nothing in the next retry either', async () => {
  const run = await startBranches();
  await run.result();
  submittedSince();
  const retry = await stack.retry(run, { redo: ['clean left'] });
  await retry.result();
  expect(submittedSince()).toEqual(['clean left']);
  const next = await stack.retry(retry, { redo: ['count right'] });
  await next.result();
  expect(submittedSince()).toEqual(['count right']);
  await (await stack.retry(next, { redo: ['join'] })).result();
  expect(submittedSince()).toEqual(['join']);
});

test('with a changed input, the jobs that it changes are done anew', async () => {
  stack.script('join', { fails: 'once' });
  const failed = await startBranches();
  await failed.failure();
  submittedSince();
  stack.script('join', answer);
  await (await stack.retry(failed, { input: { day: 'friday' } })).result();
  expect(submittedSince()).toEqual(['clean left', 'count left', 'join']);
});

test('a cancelled run goes on where its jobs were stopped', async () => {
  stack.script('count right', { takes: '1 hour' });
  const run = await startBranches();
  await run.waitUntil('count right', 'running');
  await run.cancel();
  submittedSince();
  stack.script('count right', answer);
  expect(await (await stack.retry(run)).result()).toEqual(RESULT);
  expect(submittedSince()).toEqual(['count right', 'join']);
});

test('a run that an arrival started goes on with the object that started it', async () => {
  await stack.startOnArrival(branches);
  stack.script('count right', { fails: 'once' });
  await stack.arrive('s3://lake/left/first.csv', { body: 'first' });
  await stack.arrive('s3://lake/right/c.csv', { body: 'c' });
  const [run] = (await stack.runsOf(branches)).filter(({ id }) => id.includes('first.csv'));
  await run!.failure();
  submittedSince();
  stack.script('count right', answer);
  const retry = await stack.retry(run!);
  await retry.result();
  expect((await retry.step('wait left')).objects).toMatchObject([{ uri: 's3://lake/left/first.csv' }]);
  expect(submittedSince()).toEqual(['count right', 'join']);
});

test('of a fan-out in child runs, only what failed and what had not begun is done', async () => {
  // Three to a child run, by the bytes of their parameters.
  const input = { count: 8, padding: 300_000 };
  stack.script('load 5', { takes: '1 hour', fails: 'bad item' });
  stack.script('load 4', { takes: '2 hours' });
  const failed = await stack.start(items, input);
  expect(await failed.failure()).toMatchObject({ message: 'bad item' });
  expect(submittedSince()).toEqual(['load 1', 'load 2', 'load 3', 'load 4', 'load 5']);
  stack.script('load 5', answer);
  stack.script('load 4', answer);
  const retry = await stack.retry(failed);
  expect(await retry.result()).toEqual(Array.from({ length: 8 }, (_, i) => `load ${i + 1}`));
  // The fourth was stopped when the fifth failed.
  expect(submittedSince()).toEqual(['load 4', 'load 5', 'load 6', 'load 7', 'load 8', 'sum']);
});

test('of a fan-out in one run, what succeeded after a job that is done anew is kept', async () => {
  stack.script('load 2', { takes: '1 hour', fails: 'bad item' });
  const failed = await stack.start(items, { count: 5 });
  await failed.failure();
  submittedSince();
  stack.script('load 2', answer);
  const retry = await stack.retry(failed, { redo: ['load 1'] });
  expect(await retry.result()).toEqual(['load 1', 'load 2', 'load 3', 'load 4', 'load 5']);
  expect(submittedSince()).toEqual(['load 1', 'load 2', 'sum']);
});

test('a run goes on in the child that failed, and keeps the one that succeeded', async () => {
  stack.script('count right', { fails: 'once' });
  const run = await stack.start(family);
  await stack.arrive('s3://lake/left/f.csv', { body: 'f' });
  await stack.arrive('s3://lake/right/f.csv', { body: 'f' });
  await run.failure();
  submittedSince();
  stack.script('count right', answer);
  const retry = await stack.retry(run);
  expect(await retry.result()).toEqual({ first: ['load 1', 'load 2', 'load 3'], second: RESULT });
  expect(submittedSince()).toEqual(['close', 'count right', 'join']);
  await expect(stack.retry({ id: `${run.id}/second` } as TestRun<unknown>)).rejects.toThrow(
    `${run.id}/second is part of the run ${run.id}`,
  );
});

const sideOf = ({ job: { parameters } }: Pick<ScriptedJob, 'job'>) =>
  (parameters as { Arguments: Record<string, string> }).Arguments['--of']!;

/** A run of `twins` whose right branch is the first to come to its `load`; in a retry the left one is. */
async function startTwins(load: JobScript): Promise<TestRun<unknown>> {
  stack.script('prepare*', (one) => ({ takes: sideOf(one) === 'left' ? '3 hours' : '1 hour' }));
  stack.script('load*', (one) => ({ ...load, succeeds: { payload: sideOf(one) } }));
  const run = await stack.start(twins);
  await run.waitUntil('load (2)', 'running');
  return run;
}

test('of steps that are called the same in two branches, each goes on with its own', async () => {
  const run = await startTwins({ takes: '9 hours' });
  await run.terminate();
  submittedSince();
  const retry = await stack.retry(run);
  expect(await retry.result()).toEqual({ left: 'left', right: 'right' });
  expect(submittedSince()).toEqual([]);
});

test('what is to be done anew goes by the names of the plan', async () => {
  const failed = await startTwins({ takes: '9 hours' });
  const [left, right] = ['load (2)', 'load'];
  await failed.waitUntil(right, 'succeeded');
  await failed.cancel();
  submittedSince();
  const retry = await stack.retry(failed, { redo: [right] });
  expect(await retry.result()).toEqual({ left: 'left', right: 'right' });
  expect(stack.submitted.slice(submittedBefore).map(sideOf).sort()).toEqual(['left', 'right']);
  submittedSince();
  const again = await stack.retry(retry, { redo: [left] });
  await again.result();
  expect(stack.submitted.slice(submittedBefore).map(sideOf)).toHaveLength(1);
});

test('a job that still runs and is to be done anew is stopped first', async () => {
  const run = await startTwins({ takes: '9 hours' });
  const running = stack.submitted.slice(submittedBefore).find(({ step }) => step === 'load')!;
  await run.terminate();
  submittedSince();
  stack.script('load*', () => ({ succeeds: { payload: running.stopped } }));
  const retry = await stack.retry(run, { redo: ['load'] });
  expect(await retry.result()).toEqual({ left: 'left', right: true });
  expect(stack.submitted.slice(submittedBefore).map(sideOf)).toEqual(['right']);
});

describe('of a run that undid what it had done', () => {
  const UNDONE = ['add the partition', 'load'];
  const UNDOING = ['drop the partition', 'unload'];

  beforeEach(() => stack.script('load', { takes: '1 hour', fails: 'no room' }));

  test('a retry does anew what was undone, and undoes it again', async () => {
    const failed = await stack.start(partition, { onFailure: 'undo' });
    await failed.failure();
    expect(submittedSince()).toEqual([...UNDONE, ...UNDOING, 'extract'].sort());
    const again = await stack.retry(failed);
    expect((await again.failure()).message).toContain('what it had done was undone (2 of 2)');
    expect(submittedSince()).toEqual([...UNDONE, ...UNDOING].sort());
    stack.script('load', answer);
    expect(await (await stack.retry(failed)).result()).toBe('load');
    expect(submittedSince()).toEqual(UNDONE);
  });

  test('a retry does anew what it had taken over, too', async () => {
    const failed = await stack.start(partition);
    await failed.failure();
    submittedSince();
    const undone = await stack.retry(failed, { input: { onFailure: 'undo' } });
    await undone.failure();
    expect(submittedSince()).toEqual([...UNDOING, 'load'].sort());
    stack.script('load', answer);
    await (await stack.retry(failed)).result();
    expect(submittedSince()).toEqual(UNDONE);
  });

  test('what undoes and still runs is stopped first', async () => {
    stack.script('unload', { takes: '9 hours' });
    const run = await stack.start(partition, { onFailure: 'undo' });
    await run.waitUntil('unload', 'running');
    await run.terminate();
    const unload = stack.submitted.at(-1)!;
    submittedSince();
    stack.script('load', () => ({ succeeds: { payload: unload.stopped } }));
    const retry = await stack.retry(run);
    expect(await retry.result()).toBe(true);
    // The partition had not been dropped.
    expect(submittedSince()).toEqual(['load']);
    stack.script('unload', {});
  });
});

/** A pipeline that ships, with the steps that it comes to, and where those of its child runs are. */
interface Play {
  pipeline: AnyPipeline;
  input: object;
  waits: string[];
  jobs: string[];
  childOf?: Record<string, string>;
}

const MARKETING: Pick<Play, 'waits' | 'jobs'> = {
  waits: ['wait for sales data', 'wait for marketing data'],
  jobs: ['process sales data', 'process marketing data', 'join marketing and sales data'],
};
const RATES = ['MilesPerRateCode', 'RateCodeStatus'];
const batch = { resource: 'livy:createBatch', parameters: { file: 's3://lake/jobs/one.py' } };
const PLAYS: Record<string, Play> = {
  'marketing-and-sales': { pipeline: marketingAndSales, input: { engine: 'glue' }, ...MARKETING },
  'rate-codes': { pipeline: rateCodes, input: {}, waits: [], jobs: RATES },
  job: { pipeline: job, input: { job: batch }, waits: [], jobs: [batch.resource] },
  main: {
    pipeline: main,
    input: { engine: 'glue' },
    waits: MARKETING.waits,
    jobs: [...MARKETING.jobs, ...RATES],
    childOf: {
      ...Object.fromEntries(
        [...MARKETING.waits, ...MARKETING.jobs].map((step) => [step, 'marketing-and-sales']),
      ),
      ...Object.fromEntries(RATES.map((step) => [step, 'rate-codes'])),
    },
  },
};

/** How a run ends at a step: by what its job says, or by what is done to the run while the step is at work. */
const ENDS: Record<string, JobScript | 'cancel' | 'terminate'> = {
  fails: { takes: '1 hour', fails: 'no such column' },
  'is refused': { refused: 'no such job' },
  'is stopped by somebody': { takes: '1 hour', stopped: true },
  'is forgotten': { takes: '1 hour', lost: true },
  'is cancelled with its run': 'cancel',
  'goes on after its run was terminated': 'terminate',
};
const WAIT_ENDS = ['is cancelled with its run', 'goes on after its run was terminated'];

/** A pipeline, one of its steps and an end; in the suite each pipeline and each end is there once. */
type Round = [pipeline: string, step: string, end: string];

/**
 * The time-skipping server lets the child runs of a terminated run go on (https://github.com/temporalio/sdk-java/issues/1079): that
 * end of a run with children is played on the real one, in test/e2e/mainKilled.test.ts.
 */
const canBePlayed = (play: Play, end: string) => play.childOf === undefined || ENDS[end] !== 'terminate';
const ALL_ROUNDS: Round[] = Object.entries(PLAYS).flatMap(([name, play]) =>
  [
    ...play.waits.flatMap((step) => WAIT_ENDS.map((end): Round => [name, step, end])),
    ...play.jobs.flatMap((step) => Object.keys(ENDS).map((end): Round => [name, step, end])),
  ].filter(([, , end]) => canBePlayed(play, end)),
);
const FEW_ROUNDS: Round[] = [
  ['marketing-and-sales', 'wait for marketing data', 'is cancelled with its run'],
  ['marketing-and-sales', 'join marketing and sales data', 'goes on after its run was terminated'],
  ['rate-codes', 'RateCodeStatus', 'is stopped by somebody'],
  ['job', batch.resource, 'is refused'],
  ['main', 'process sales data', 'fails'],
  ['main', 'RateCodeStatus', 'is forgotten'],
];

describe('a retry of a pipeline that ships', () => {
  /** Says what the job was told to do, so that one that was told another thing shows. */
  const echo = ({ step, job: { parameters } }: ScriptedJob) => ({
    succeeds: { payload: { step, parameters } },
  });
  const wholeResults = new Map<string, unknown>();

  beforeAll(async () => {
    // What the jobs would write, and say of their rows.
    const lake = 's3://lake';
    const outputs = { ...outputsOf({ lake, output: 'marketing-and-sales' }), ...outputsOfRateCodes(lake) };
    for (const output of Object.values(outputs).map((folder) => folder.replace(/\/$/, '')))
      for (const name of ['/part-0.csv', '/_SUCCESS', '-rejected/_rows.json'])
        await stack.put(output + name, { body: '{}' });
    await stack.skip('1 minute');
  });

  const arrive = async (play: Play, without?: string) => {
    for (const what of ['sales', 'marketing'])
      if (play.waits.length > 0 && without !== `wait for ${what} data`)
        await stack.arrive(`s3://lake/${what}/day.csv`, { body: `${what} of the day` });
  };

  const start = (name: string) => stack.start(PLAYS[name]!.pipeline as typeof job, PLAYS[name]!.input);

  /** Without what is another each time. */
  const comparable = (result: unknown) =>
    JSON.parse(
      JSON.stringify(result, (member, value: unknown) =>
        ['externalId', 'url', 'durationMs'].includes(member) ? null : value,
      ),
    ) as unknown;

  /** What a run gives that never fails. */
  async function wholeResult(name: string): Promise<unknown> {
    if (!wholeResults.has(name)) {
      const run = await start(name);
      await arrive(PLAYS[name]!);
      wholeResults.set(name, comparable(await run.result()));
    }
    return wholeResults.get(name);
  }

  /** The run, or the child run of it, that has a step. */
  async function ownersOf(run: TestRun<unknown>, { childOf }: Play) {
    if (childOf === undefined) return () => run;
    const all = [...(await stack.runsOf(marketingAndSales)), ...(await stack.runsOf(rateCodes))];
    return (step: string): TestRun<unknown> | undefined =>
      all.find(({ id }) => id === `${run.id}/${childOf[step]}`);
  }

  /** The jobs that have succeeded, or go on. */
  async function goodJobs(run: TestRun<unknown>, play: Play, goesOn: string | null): Promise<string[]> {
    const good: string[] = [];
    const ownerOf = await ownersOf(run, play);
    for (const step of play.jobs) {
      const found = (await ownerOf(step)?.status())?.steps.find(({ name }) => name === step);
      if (found?.state === 'succeeded' || step === goesOn) good.push(step);
    }
    return good;
  }

  // `engines.test.ts` runs the scripts with these.
  test('on Glue begins with jobs that give each script what it takes', async () => {
    const play = PLAYS['marketing-and-sales']!;
    for (const step of play.jobs) stack.script(step, echo);
    await wholeResult('marketing-and-sales');
    const csv = { '--delimiter': ',', '--skip-lines': '0', '--encoding': 'utf-8', '--max-bad-share': '1' };
    const [sales, marketing, report] = ['tmp/sales', 'tmp/marketing', 'sales-leads-influenced'].map(
      (output) => ({
        '--output': `s3://lake/marketing-and-sales/${output}/`,
        '--rows-to': `s3://lake/marketing-and-sales/${output}-rejected/_rows.json`,
      }),
    );
    const parametersOf = (step: string) =>
      stack.submitted.findLast((submitted) => submitted.step === step)!.job.parameters;
    expect(play.jobs.map(parametersOf)).toEqual([
      {
        JobName: 'sluice-process-sales',
        Arguments: { '--sales': 's3://lake/sales/day.csv', ...sales, ...csv },
      },
      {
        JobName: 'sluice-process-marketing',
        Arguments: { '--marketing': 's3://lake/marketing/day.csv', ...marketing, ...csv },
      },
      {
        JobName: 'sluice-join',
        Arguments: {
          ...{ '--sales-leads': sales!['--output'], '--marketing': marketing!['--output'] },
          ...report,
        },
      },
    ]);
  });

  test.each((isLong ? ALL_ROUNDS : FEW_ROUNDS).map((round, i) => [...round, seedOf(i)] as const))(
    'of %s whose step "%s" %s does the rest, and gives what one gives that never failed (seed %i)',
    async (name, step, endName, seed) => {
      const random = seeded(seed);
      const play = PLAYS[name]!;
      for (const one of play.jobs) stack.script(one, echo);
      const expected = await wholeResult(name);
      const end = ENDS[endName]!;
      const isWait = play.waits.includes(step);
      const isByRun = end === 'cancel' || end === 'terminate';
      const lasting = (given: ScriptedJob) => ({ takes: '9 hours', ...echo(given) });
      if (!isWait) stack.script(step, isByRun ? lasting : end);
      const run = await start(name);
      await arrive(play, isWait ? step : undefined);
      if (isByRun) {
        await stack.skip('1 minute');
        const owner = (await ownersOf(run, play))(step)!;
        await owner.waitUntil(step, isWait ? 'waiting' : 'running');
        await (end === 'cancel' ? run.cancel() : run.terminate());
        await stack.skip('1 minute');
      } else await run.failure();
      const goesOn = end === 'terminate' && !isWait ? step : null;
      const good = await goodJobs(run, play, goesOn);
      submittedSince();

      // Of some, the first retry does not end well, either.
      if (!isWait && goesOn === null && oneOf(random, [true, false, false])) {
        stack.script(step, { fails: 'once more' });
        const again = await stack.retry(run);
        await again.failure();
        expect(submittedSince().filter((submitted) => good.includes(submitted))).toEqual([]);
        good.push(...(await goodJobs(again, play, null)));
        submittedSince();
      }
      stack.script(step, echo);
      const retry = await stack.retry(run);
      // What had not come comes now; what a wait had taken it takes once more.
      if (isWait)
        await arrive(
          play,
          play.waits.find((other) => other !== step),
        );
      expect(comparable(await retry.result())).toEqual(expected);
      expect(submittedSince()).toEqual(play.jobs.filter((one) => !good.includes(one)).sort());
    },
  );

  /** What a service does for a while to a job that ends well. */
  const PASSING: JobScript[] = [
    ...[{}, { takes: '2 hours' }, { throttled: 4 }, { noRoom: '20 minutes' }, { failingPolls: 3 }],
    ...[{ answerLost: true } as const, { answerLost: 'not taken' } as const],
  ];

  test.each(Array.from({ length: countOf({ suite: 1, soak: 50 }) }, (_, round) => seedOf(round)))(
    'is not needed by a main whose services fail for a while and whose credentials have expired for 10 minutes: each job runs once (seed %i)',
    async (seed) => {
      const random = seeded(seed);
      const play = PLAYS['main']!;
      for (const step of play.jobs) stack.script(step, echo);
      const expected = await wholeResult('main');
      for (const step of play.jobs)
        stack.script(step, (given) => ({ ...oneOf(random, PASSING), ...echo(given) }));
      const isBefore = oneOf(random, [true, false]);
      if (isBefore) stack.refuseS3('ExpiredToken');
      const run = await start('main');
      stack.refuseS3('ExpiredToken');
      await stack.skip('10 minutes');
      stack.refuseS3(null);
      await stack.skip('1 minute');
      submittedSince();
      await arrive(play);
      expect(comparable(await run.result())).toEqual(expected);
      const accepted = stack.submitted.filter((job) => job.run.startsWith(`${run.id}/`) && job.accepted);
      expect(accepted.map(({ step }) => step).sort()).toEqual([...play.jobs].sort());
    },
  );
});
