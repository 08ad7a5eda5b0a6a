import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { drawChart } from '../src/tasks/drawChart';
import type { TaskContext } from 'sluice';
import { startTestS3 } from '../../../test/support/s3';
import { taskContext } from '../../../test/support/tasks';

let gateway: Awaited<ReturnType<typeof startTestS3>>;
let context: TaskContext;

beforeAll(async () => {
  gateway = await startTestS3();
  context = taskContext(gateway.s3);
}, 60_000);
afterAll(() => gateway?.stop());

const input = {
  table: 's3://lake/q/t.csv',
  title: 'Calls <by> agent',
  bars: 'username',
  length: 'calls',
  stack: 'queue_arn',
  to: 's3://lake/q/chart.svg',
  page: 's3://lake/q/chart.html',
};

const read = (name: string) => readFile(join(gateway.s3Dir, 'lake/q', name), 'utf8');

async function drawn(table: string, more = {}) {
  await gateway.s3.send(new PutObjectCommand({ Bucket: 'lake', Key: 'q/t.csv', Body: Buffer.from(table) }));
  const { measures } = await drawChart.run({ ...input, ...more }, context);
  return { svg: await read('chart.svg'), page: await read('chart.html'), measures };
}

/** The description that Vega gives each bar for screen readers. */
const barsOf = (svg: string) =>
  [...svg.matchAll(/aria-roledescription="bar"[^>]*|aria-label="([^"]*)"[^>]*aria-roledescription="bar"/g)]
    .map(([, label]) => label)
    .filter((label) => label !== undefined);

test('each pair of agent and queue is a bar, stacked by queue, and a row of the page', async () => {
  const { svg, page } = await drawn(
    '"username","queue_arn","calls"\n"ann","arn:aws:connect:r:1:instance/i/queue/q1","5"\n"ann","","2"\n"b, ""é"" <x>","arn:aws:connect:r:1:instance/i/queue/q1","3"\n',
  );
  expect(svg).toMatch(/^<svg [^]*<\/svg>$/);
  expect(barsOf(svg)).toEqual([
    'username: ann; calls: 5; queue_arn: q1',
    'username: ann; calls: 2; queue_arn: (none)',
    'username: b, &quot;é&quot; &lt;x&gt;; calls: 3; queue_arn: q1',
  ]);
  expect(page).toContain(svg);
  expect(page).toContain('<h1>Calls &#60;by&#62; agent</h1>');
  expect(page).toContain('<tr><td>ann</td><td></td><td>2</td></tr>');
  expect(page).toContain(
    '<tr><td>b, &#34;é&#34; &#60;x&#62;</td><td>arn:aws:connect:r:1:instance/i/queue/q1</td><td>3</td></tr>',
  );
  expect(page).not.toMatch(/<script|src=|href=/);
});

test('what no bar can be made of is counted and told beside the chart, and fails it where too much is bad', async () => {
  const table = 'username,queue_arn,calls\nann,q1,5\nben,q1,many\ntoo,few\ncat,q2,1.5\n';
  const { svg, measures } = await drawn(table);
  expect(measures).toEqual({ rowsRead: 3, rowsRejected: 1, valuesUnread: 1, rowsWritten: 3 });
  expect(barsOf(svg)).toHaveLength(2);
  const cases = (await read('chart.svg-rejected/part-00000.jsonl')).trim().split('\n');
  expect(cases.map((line) => JSON.parse(line) as unknown)).toEqual(
    expect.arrayContaining([
      { file: input.table, line: 3, column: 'calls', text: 'many', reason: 'no DOUBLE' },
      expect.objectContaining({ line: 4, column: null, text: 'too,few' }),
    ]),
  );
  await expect(drawn(table, { maxBadShare: 0.1 })).rejects.toMatchObject({
    code: 'BadData',
    message: expect.stringContaining('line 3: calls is "many"'),
  });
  expect(await read('chart.svg')).toBe(svg);
  const good = await drawn('username,queue_arn,calls\nann,q1,5\n');
  expect(good.measures).toEqual({ rowsRead: 1, rowsRejected: 0, valuesUnread: 0, rowsWritten: 1 });
  await expect(read('chart.svg-rejected/part-00000.jsonl')).rejects.toThrow('ENOENT');
});

test('a table without rows is a chart without bars', async () => {
  const { svg, page } = await drawn('"username","queue_arn","calls"\n');
  expect(barsOf(svg)).toEqual([]);
  expect(page).toContain('<tbody>');
});
