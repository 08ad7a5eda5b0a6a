import { stripVTControlCharacters } from 'node:util';
import { followRun } from '../../../src/cli/follow';
import type { RunView, StepView } from '../../../src/cli/readStatus';
import { renderEnd, renderStatus } from '../../../src/cli/render';

function createStep(step: Partial<StepView> & Pick<StepView, 'name' | 'kind' | 'state'>): StepView {
  return {
    ...{ parent: null, attempts: 1, startedAt: '2025-03-01T12:00:00.000Z', endedAt: null, waitingFor: null },
    ...{ job: null, objects: null, run: null, failure: null },
    ...step,
  };
}

function createView(view: Partial<RunView>): RunView {
  return {
    ...{ id: 'a1', runId: 'r1', pipeline: 'main', state: 'running', startedAt: '2025-03-01T12:00:00.000Z' },
    ...{
      endedAt: null,
      url: 'http://ui/a1',
      waitingFor: [],
      problems: [],
      failure: null,
      result: null,
      measures: {},
      retryOf: null,
      cost: null,
      steps: [],
    },
    ...view,
  };
}

const now = Date.parse('2025-03-01T12:01:30Z');
const failure = { code: 'JobFailed', message: 'out of memory', step: 'process' } as const;
const steps = [
  createStep({ name: 'sales', kind: 'group', state: 'running' }),
  createStep({
    name: 'wait',
    kind: 'wait',
    state: 'waiting',
    parent: 'sales',
    waitingFor: 's3://lake/sales/*.csv',
  }),
  createStep({
    ...{ name: 'process', kind: 'job', state: 'failed', endedAt: '2025-03-01T12:00:05.000Z', failure },
    job: { resource: 'glue:startJobRun', externalId: 'jr_1', url: 'https://glue/jr_1' },
  }),
  createStep({
    ...{ name: 'child', kind: 'group', state: 'succeeded', run: { id: 'a1/child' } },
    steps: [
      createStep({
        ...{ name: 'take', kind: 'wait', state: 'succeeded' },
        objects: [{ uri: 's3://lake/a.csv', versionId: null, etag: null, size: 1 }],
      }),
    ],
  }),
];

test('a status is a tree of steps with states, times, objects, jobs and failures', () => {
  const lines = renderStatus(createView({ steps, failure, waitingFor: ['s3://lake/sales/*.csv'] }), {
    color: false,
    now,
  }).split('\n');
  expect(lines[0]).toMatch(/^a1 {2}main {2}running {2}started .*, 1 min 30 s$/);
  expect(lines.slice(1)).toEqual([
    'http://ui/a1',
    '├─ sales  running  1 min 30 s',
    '│  └─ wait  waiting  1 min 30 s  for s3://lake/sales/*.csv',
    '├─ process  failed  5.0 s  glue:startJobRun  jr_1  https://glue/jr_1',
    '│  JobFailed: out of memory',
    '└─ child  succeeded  1 min 30 s',
    '   └─ take  succeeded  1 min 30 s  s3://lake/a.csv',
    'waiting for s3://lake/sales/*.csv',
    'process: JobFailed: out of memory',
  ]);
});

test('a job with bad rows shows how many there were', () => {
  const job = { resource: 'duckdb:query', externalId: 'a1', url: null } as const;
  const rows = { read: 999_999, rejected: 1, unread: 2, written: 3 };
  const step = createStep({ name: 'load', kind: 'job', state: 'succeeded', job, rows });
  expect(renderStatus(createView({ steps: [step] }), { color: false, now })).toContain(
    'duckdb:query  a1  1 row rejected, 2 values unread of 1000000 rows',
  );
});

test.each([
  [{ percent: 40 }, '40%'],
  [{ objects: 3, of: 20, rowsRead: 4500, left: null }, 'objects 3 of 20, rowsRead 4500'],
])('a job whose engine tells how far it is (%j) shows it', (progress, text) => {
  const job = { resource: 'duckdb:query', externalId: 'a1', url: null } as const;
  const step = createStep({ name: 'load', kind: 'job', state: 'running', job, progress });
  expect(renderStatus(createView({ steps: [step] }), { color: false, now })).toContain(
    `load  running  1 min 30 s  duckdb:query  a1  ${text}`,
  );
});

test('colours change nothing but the colours', () => {
  const view = createView({ steps, failure });
  const colored = renderStatus(view, { color: true, now });
  expect(colored).toContain('\u001b[');
  expect(stripVTControlCharacters(colored)).toBe(renderStatus(view, { color: false, now }));
});

test('a group of thousands of steps is cut', () => {
  const many = Array.from({ length: 3000 }, (_, i) =>
    createStep({ name: `job ${i}`, kind: 'job', state: 'running' }),
  );
  const lines = renderStatus(createView({ steps: many }), { color: false, now }).split('\n');
  expect(lines.length).toBeLessThan(60);
  expect(lines.at(-1)).toContain('2950 more steps');
});

test('watching prints each change once and the tree at the end', async () => {
  const waiting = createStep({ name: 'wait', kind: 'wait', state: 'waiting', waitingFor: 's3://lake/*.csv' });
  const views = [
    createView({ steps: [waiting] }),
    createView({ steps: [waiting] }),
    createView({
      state: 'completed',
      endedAt: '2025-03-01T12:00:05.000Z',
      steps: [{ ...waiting, state: 'succeeded', waitingFor: null }],
    }),
  ];
  const written: string[] = [];
  const last = await followRun({
    read: () => Promise.resolve(views.shift()!),
    mode: 'lines',
    write: (text) => written.push(text),
    signal: new AbortController().signal,
  });
  expect(last.state).toBe('completed');
  expect(written).toHaveLength(3);
  expect(written[0]).toMatch(/wait: waiting {2}for s3:\/\/lake\/\*\.csv$/);
  expect(written[1]).toMatch(/wait: succeeded$/);
  expect(written[2]).toContain('└─ wait  succeeded');
});

test('watching stops when it is interrupted, and says that the run goes on by its state', async () => {
  const controller = new AbortController();
  const following = followRun({
    read: () => Promise.resolve(createView({})),
    mode: 'json',
    write: () => controller.abort(),
    signal: controller.signal,
  });
  expect((await following).state).toBe('running');
});

test.each([
  [1, '1st'],
  [2, '2nd'],
  [3, '3rd'],
  [4, '4th'],
  [11, '11th'],
  [22, '22nd'],
  [113, '113th'],
])('a step in line for a slot shows its pool and place: %s', (place, expected) => {
  const step = createStep({ name: 'load', kind: 'job', state: 'waiting for capacity' });
  const shown = renderStatus(createView({ steps: [{ ...step, pool: { name: 'warehouse', place } }] }), {
    color: false,
    now,
  });
  expect(shown).toContain(`load  waiting for capacity (pool warehouse, ${expected} in line)`);
});

test('escapes and control characters of names and messages are shown, not obeyed', async () => {
  const evil = '\u001b[2J\u202ex\u009b1m\rgone';
  const view = createView({
    id: `a${evil}`,
    state: 'failed',
    failure: { code: 'JobFailed', message: `one${evil}\ntwo`, step: 'a\nb' },
    steps: [createStep({ name: `s\n${evil}`, kind: 'job', state: 'failed' })],
    problems: [{ code: 'NoWorker', message: evil, since: '2025-03-01T12:00:00.000Z' }] as RunView['problems'],
    result: { rows: evil },
  });
  const lines: string[] = [];
  const read = () => Promise.resolve(view);
  await followRun({
    read,
    mode: 'lines',
    write: (line) => lines.push(line),
    signal: new AbortController().signal,
  });
  for (const text of [
    renderStatus(view, { color: false, now }),
    renderEnd(view, { color: false, now }),
    ...lines,
  ]) {
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
  }
  const text = renderStatus(view, { color: false, now });
  expect(text).toContain('\\x1b[2J\\u202ex\\x9b1m');
  expect(text).toContain('a b: JobFailed: one\\x1b');
  expect(text).toContain('\ntwo');
  const json: string[] = [];
  await followRun({
    read,
    mode: 'json',
    write: (line) => json.push(line),
    signal: new AbortController().signal,
  });
  expect(JSON.parse(json[0]!)).toEqual(view);
});
