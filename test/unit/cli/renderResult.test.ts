import { renderResult } from '../../../src/cli/renderResult';
import type { JobResult } from '../../../src/jobs';

function jobResult(result: Partial<JobResult>): JobResult {
  return {
    ...{
      resource: 'duckdb:query',
      externalId: 'q1',
      url: 'http://ui/q1',
      output: null,
      logUrl: 'http://log/q1',
    },
    ...{ durationMs: 1, measures: {} },
    ...result,
  };
}

test('a job shows its output and its rows', () => {
  const rows = [
    { day: '2025-03-01', leads: 12 },
    { day: '2025-03-02', leads: null },
  ];
  expect(renderResult(jobResult({ output: 's3://lake/out/', rows }))).toBe(
    ['output: s3://lake/out/', 'rows:', 'day         leads', '2025-03-01  12', '2025-03-02'].join('\n'),
  );
  expect(renderResult(jobResult({ rows: [] }))).toBe('rows: none');
  expect(renderResult(jobResult({ payload: { ok: true } }))).toBe('payload: {"ok":true}');
});

test('a pipeline shows each location once, at the first place that names it', () => {
  const join = jobResult({ output: 's3://lake/report' });
  expect(renderResult({ report: { output: 's3://lake/report', join }, miles: 's3://lake/miles' })).toBe(
    'report.output: s3://lake/report\nmiles: s3://lake/miles',
  );
});

test('long results are cut, and say so', () => {
  const many = jobResult({ rows: Array.from({ length: 25 }, (_, x) => ({ x, text: 'a'.repeat(100) })) });
  const lines = renderResult(many).split('\n');
  expect(lines).toHaveLength(1 + 1 + 20 + 1);
  expect(lines.at(-1)).toBe('… and 5 more rows (all of them: --json)');
  expect(lines[2]).toBe(`0   ${'a'.repeat(59)}…`);
  const places = renderResult(Array.from({ length: 22 }, (_, i) => `s3://lake/${i}`)).split('\n');
  expect(places.at(-1)).toBe('… and 2 more locations (all of them: --json)');
});

test.each([
  ['no result', null, ''],
  ['a job without output', jobResult({}), ''],
  ['a result of its own kind', { count: 3 }, 'result: {"count":3}'],
])('%s shows no more than there is', (_title, result, shown) => expect(renderResult(result)).toBe(shown));
