import { datasetsOf, toRunEvent, uuidOf } from '../../../src/services/lineage';
import type { LineageEvent, Submission } from '../../../src/contracts/activities';

const jobOf = (parameters: object) =>
  ({ job: { resource: 'worker:task', parameters } }) as unknown as Submission;

test.each<[string, object, string | null, string[], string[]]>([
  [
    'locations are read',
    { args: ['s3://lake/a.csv', '--x', 'hdfs:///b'] },
    null,
    ['s3://lake/a.csv', 'hdfs:///b'],
    [],
  ],
  ['programs are not', { file: 's3://lake/jobs/a.py', jars: ['s3://lake/b.jar'] }, null, [], []],
  [
    'what is below the output is not read',
    { args: ['s3://lake/out', 's3://lake/out/x'] },
    's3://lake/out/',
    [],
    ['s3://lake/out/'],
  ],
  [
    'a name that says so is an output',
    { ResultConfiguration: { OutputLocation: 's3://lake/q/' } },
    null,
    [],
    ['s3://lake/q/'],
  ],
  [
    'a pinned object is read',
    { inputs: { a: { bucket: 'lake', key: 'a b.csv', etag: 'x' } } },
    null,
    ['s3://lake/a b.csv'],
    [],
  ],
  ['a pattern is none', { args: ['s3://lake/*.csv'], n: 1, none: null }, null, [], []],
])('%s', (_, parameters, output, inputs, outputs) => {
  expect(datasetsOf(jobOf(parameters), { output })).toEqual({ inputs, outputs });
});

const event: LineageEvent = {
  type: 'COMPLETE',
  at: '2025-03-01T12:00:00.000Z',
  job: 'nightly',
  runId: uuidOf('a'),
  parent: null,
  inputs: ['s3://lake', 'redshift://cluster/db.table', 'plain'],
  outputs: [],
  failure: null,
};

test('datasets are named as OpenLineage names them', () => {
  expect(toRunEvent(event, 'default')).toMatchObject({
    inputs: [
      { namespace: 's3://lake', name: '/' },
      { namespace: 'redshift://cluster', name: 'db.table' },
      { namespace: 'file', name: 'plain' },
    ],
  });
});

test('an event of 10,000 objects names 500, each once', () => {
  const inputs = Array.from({ length: 10_000 }, (_, i) => `s3://lake/${i >> 1}`);
  const { inputs: named } = toRunEvent({ ...event, inputs }, 'default') as { inputs: object[] };
  expect(named).toHaveLength(500);
  expect(new Set(named.map((one) => JSON.stringify(one))).size).toBe(500);
});

test('a submission has one run id, and another has another', () => {
  expect(uuidOf('a')).toBe(uuidOf('a'));
  expect(uuidOf('a')).not.toBe(uuidOf('b'));
  expect(uuidOf('a')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
