import { workflowInfo } from '@temporalio/workflow';
import { definePipeline, field, type Job } from '../../../src/workflow';

export const hello = definePipeline(
  {
    name: 'hello',
    about: 'Counts the rows of the file that arrives.',
    input: { lake: field.s3({ default: 's3://lake' }), within: field.duration({ default: '7 days' }) },
    startedBy: ({ lake }) => [`${lake}/days/*.csv`],
  },
  async (run, { lake, within }) => {
    const [day] = await run.waitForArrivals('wait for the day', `${lake}/days/*.csv`, { within });
    const counted = await run.job('count', {
      resource: 'duckdb:query',
      parameters: { sql: "SELECT count(*) AS n FROM read_csv(getvariable('day'))", inputs: { day } },
    });
    return { key: day.key, rows: counted.rows };
  },
);

const load: Job = { resource: 'glue:startJobRun', parameters: { JobName: 'load' } };

/** Takes a second or two of the machine's when its file has come, in the workflow task that cancels the time-out. */
export const busy = definePipeline({ name: 'busy', about: 'Waits, and computes.' }, async (run) => {
  await run.waitForArrivals('wait for the day', 's3://lake/busy/*.csv', { within: '1 hour' });
  let sum = 0;
  for (let i = 0; i < 5e8; i++) sum += i % 7;
  await run.job('load a', load);
  return sum;
});

export const jobs = definePipeline(
  {
    name: 'some-jobs',
    about: 'Jobs side by side, then one more.',
    input: {
      timeout: field.duration({ default: '1 day' }),
      attempts: field.integer({ default: 1 }),
      onCancel: field.choice(['stop', 'leave'], { default: 'stop' }),
      capacityTimeout: field.duration({ default: '1 hour' }),
      retryFor: field.duration({ default: '10 minutes' }),
    },
  },
  async (run, { timeout, attempts, onCancel, capacityTimeout, retryFor }) => {
    const options = { timeout, retry: { attempts }, onCancel, capacityTimeout, retryFor };
    await run.parallel({
      a: (branch) => branch.job('load a', load, options),
      b: (branch) => branch.job('load b', load, options),
    });
    return (await run.job('join', { resource: 'livy:createBatch', parameters: { file: 'join.py' } })).payload;
  },
);

/** Says how many events its history has when its job has ended. */
export const lasting = definePipeline(
  {
    name: 'lasting',
    about: 'One job that may last.',
    input: { expectedBy: field.duration({ default: '365 days' }) },
  },
  async (run, { expectedBy }) => {
    await run.job('last', load, { expectedBy, timeout: '60 days', retryFor: '1 day' });
    return workflowInfo().historyLength;
  },
);

export const broken = definePipeline({ name: 'broken', about: 'Has a defect.' }, () => {
  const nothing: { length: number }[] = [];
  return Promise.resolve(nothing[0]!.length);
});

export const parent = definePipeline({ name: 'parent', about: 'Runs another.' }, (run) =>
  run.child('child', hello, { within: '2 days' }),
);

export const slow = definePipeline(
  { name: 'slow', about: 'Takes its time.', expectedBy: '2 hours', within: '10 hours' },
  (run) =>
    run.group('part', (part) => part.job('slow load', load, { expectedBy: '1 hour' }), { within: '5 hours' }),
);

export const undoing = definePipeline(
  {
    name: 'undoing',
    about: 'Does two things and a third, each of which can be undone.',
  },
  async (run) => {
    const step = (of: typeof run, name: string) => {
      of.undo(name, (undo) => undo.job(`remove ${name}`, load));
      return of.job(`make ${name}`, load);
    };
    await run.parallel({ a: (branch) => step(branch, 'a'), b: (branch) => step(branch, 'b') });
    await step(run, 'c');
  },
);

export const fanOut = definePipeline(
  {
    name: 'fan-out',
    about: 'One job an item, of which some may fail.',
    input: {
      items: field.integer(),
      count: field.integer({ optional: true }),
      share: field.share({ optional: true }),
      siblings: field.choice(['cancel', 'finish'], { default: 'cancel' }),
      concurrency: field.integer({ default: 10 }),
      bytes: field.integer({
        about: 'how large each job is: a megabyte goes into one child run',
        default: 0,
      }),
    },
  },
  async (run, { items, count, share, siblings, concurrency, bytes }) => {
    const all = Array.from({ length: items }, (_, i) => i);
    const load: Job = {
      resource: 'glue:startJobRun',
      parameters: { JobName: 'load', Arguments: { '--text': 'x'.repeat(bytes) } },
    };
    const options = { siblings, concurrency };
    if (count !== undefined) return run.mapJobs('map', all, () => load, { ...options, tolerate: { count } });
    if (share !== undefined) return run.mapJobs('map', all, () => load, { ...options, tolerate: { share } });
    return { results: await run.mapJobs('map', all, () => load, options), failed: [] };
  },
);
