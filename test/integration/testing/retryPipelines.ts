import { definePipeline, field, type Job, type Run } from '../../../src/workflow';

const glue = (JobName: string, Arguments: Record<string, string> = {}): Job => ({
  resource: 'glue:startJobRun',
  parameters: { JobName, Arguments },
});

/** Two branches, each a wait and two jobs, then a join and a publication. */
export const branches = definePipeline(
  {
    name: 'branches',
    about: 'Waits and works in two branches, then joins.',
    input: { day: field.text({ default: 'monday' }) },
    startedBy: () => ['s3://lake/left/*.csv'],
  },
  async (run, { day }) => {
    const results = await run.parallel({
      left: async (branch) => {
        const [object] = await branch.waitForArrivals('wait left', 's3://lake/left/*.csv');
        await branch.job('clean left', glue('clean', { '--output': 's3://lake/clean-left', '--day': day }));
        return branch.job('count left', glue('count', { '--of': object.key, '--etag': object.etag! }));
      },
      right: async (branch) => {
        await branch.waitForArrivals('wait right', 's3://lake/right/*.csv');
        return branch.job('count right', glue('count'));
      },
    });
    const joined = await run.job('join', glue('join'));
    return { left: results.left.payload, right: results.right.payload, joined: joined.payload };
  },
);

/** A wait, and a job for each of its items. */
export const items = definePipeline(
  {
    name: 'items',
    about: 'A job for each item, then one more.',
    input: {
      count: field.integer({ default: 10 }),
      padding: field.integer({ default: 1 }),
      concurrency: field.integer({ default: 2 }),
    },
  },
  async (run, { count, padding, concurrency }) => {
    const each = await run.mapJobs(
      'load',
      Array.from({ length: count }, (_, i) => i),
      (i) => glue('load', { '--item': String(i), '--padding': 'x'.repeat(padding) }),
      { concurrency },
    );
    await run.job('sum', glue('sum'));
    return each.map(({ payload }) => payload);
  },
);

/** Two child runs, one after the other. */
export const family = definePipeline({ name: 'family', about: 'Two child runs.' }, async (run) => {
  const first = await run.child('first', items, { count: 3 });
  const second = await run.child('second', branches, { day: 'tuesday' });
  await run.job('close', glue('close'));
  return { first, second };
});

/** Two branches whose steps are called the same, each in a group that is called the same. */
export const twins = definePipeline({ name: 'twins', about: 'Two branches of one kind.' }, async (run) => {
  const branch = (of: string) => (side: Run) =>
    side.group('import', async (group) => {
      await group.job('prepare', glue('prepare', { '--of': of }));
      return (await group.job('load', glue('load', { '--of': of }))).payload;
    });
  return run.parallel({ left: branch('left'), right: branch('right') });
});

/** Steps that are undone, after one that is not. */
export const partition = definePipeline(
  { name: 'partition', about: 'Adds a partition and loads it.' },
  async (run) => {
    await run.job('extract', glue('extract'));
    run.undo('the partition', (undo) => undo.job('drop the partition', glue('drop')));
    await run.job('add the partition', glue('add'));
    run.undo('the load', (undo) => undo.job('unload', glue('unload')));
    return (await run.job('load', glue('load'))).payload;
  },
);
