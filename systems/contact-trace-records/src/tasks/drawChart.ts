import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { escapeHtml, toSvg, type TopLevelSpec } from 'sluice-pictures';
import {
  SluiceError,
  field,
  type InputOf,
  parseS3Uri,
  publishCases,
  stageInput,
  runQuery,
  defineTask,
  type RowAccount,
} from 'sluice';

/** More bars than this are no picture, and a page of more rows no page. */
const MAX_ROWS = 10_000;
const NONE = '(none)';

/** A row of the table: the bar, the part of it, and how long that is. */
interface Row {
  bar: string | null;
  part: string | null;
  length: number | null;
}

const INPUT = {
  table: field.object(),
  title: field.text(),
  bars: field.text(),
  length: field.text(),
  stack: field.text(),
  to: field.object(),
  page: field.object(),
  maxBadShare: field.share({ default: 1 }),
};
type Input = InputOf<typeof INPUT>;

/**
 * `draw-chart`: `{ table, title, bars, length, stack, to, page, maxBadShare? }`. Draws a CSV object as a bar chart: a bar for each value
 * of the column `bars`, as high as the column `length` adds up to, stacked by the column `stack`. `to` gets the chart as
 * SVG, `page` an HTML page that has it together with the table and loads nothing. What no bar can be made of is counted.
 */
export const drawChart = defineTask(
  { name: 'draw-chart', about: 'Draws a CSV object as a bar chart, and a page with it.', input: INPUT },
  async (input, { s3, signal }) => {
    const { rows, account } = await readTable(s3, input, signal);
    const svg = await draw(rows, input);
    await put(s3, input.to, 'image/svg+xml', svg, signal);
    await put(s3, input.page, 'text/html; charset=utf-8', pageOf(rows, input, svg), signal);
    await publishCases(s3, account.cases, input.to, signal);
    const { read, rejected, unread } = account;
    return {
      output: input.to,
      measures: { rowsRead: read, rowsRejected: rejected, valuesUnread: unread, rowsWritten: rows.length },
    };
  },
);

async function readTable(
  s3: S3Client,
  { table, bars, length, stack, maxBadShare }: Input,
  signal: AbortSignal,
): Promise<{ rows: Row[]; account: RowAccount }> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-chart-'));
  try {
    const [staged] = await stageInput(s3, table, folder, signal);
    const { path, uri } = staged!;
    const column = (name: string, type: string) => `'${name.replaceAll("'", "''")}': '${type}'`;
    const columns = [column(bars, 'VARCHAR'), column(stack, 'VARCHAR'), column(length, 'DOUBLE')];
    const { rows, account } = await runQuery({
      sql: `SELECT * FROM sluice_csv('table', {${columns.join(', ')}}) AS t(bar, part, length)`,
      variables: { table: [path], maxBadShare: String(maxBadShare) },
      names: { [path]: uri },
      maxRows: MAX_ROWS + 1,
      tempFolder: folder,
      signal,
    });
    if (rows!.length > MAX_ROWS)
      throw new SluiceError('BadData', `${uri}: more than ${MAX_ROWS} rows are too many for a chart`);
    return { rows: rows as unknown as Row[], account };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function draw(rows: Row[], { title, bars, length, stack }: Input): Promise<string> {
  const spec: TopLevelSpec = {
    title,
    // Field names may hold dots, which Vega takes for paths; these may not.
    data: {
      values: rows.flatMap(({ bar, part, length: long }) =>
        long === null ? [] : [{ bar: bar ?? NONE, part: labelOf(part), length: long }],
      ),
    },
    width: { step: 60 },
    height: 320,
    mark: 'bar',
    encoding: {
      x: {
        field: 'bar',
        type: 'nominal',
        title: bars,
        sort: { op: 'sum', field: 'length', order: 'descending' },
      },
      y: { field: 'length', type: 'quantitative', aggregate: 'sum', title: length },
      color: { field: 'part', type: 'nominal', title: stack, legend: { labelLimit: 300 } },
    },
    config: { background: 'white' },
  };
  return toSvg(spec);
}

/** The last part of an ARN; any other text as it is. */
function labelOf(value: string | null): string {
  if (!value) return NONE;
  return value.startsWith('arn:') ? value.slice(value.lastIndexOf('/') + 1) : value;
}

function pageOf(rows: Row[], { title, bars, length, stack }: Input, svg: string): string {
  const cells = (tag: string, values: (string | number | null)[]) =>
    values.map((value) => `<${tag}>${escapeHtml(String(value ?? ''))}</${tag}>`).join('');
  const body = rows.map(({ bar, part, length: long }) => `<tr>${cells('td', [bar, part, long])}</tr>`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${escapeHtml(title)}</title>
<style>
body { font-family: sans-serif; margin: 2rem; }
svg { max-width: 100%; height: auto; }
table { border-collapse: collapse; margin-top: 2rem; }
th, td { border: 1px solid #ccc; padding: 0.3rem 0.6rem; text-align: left; }
td:last-child { text-align: right; }
</style>
</head>
<body>
<h1>${escapeHtml(title)}</h1>
${svg}
<table>
<thead><tr>${cells('th', [bars, stack, length])}</tr></thead>
<tbody>
${body.join('\n')}
</tbody>
</table>
</body>
</html>
`;
}

async function put(s3: S3Client, uri: string, contentType: string, text: string, signal: AbortSignal) {
  const { bucket, key } = parseS3Uri(uri)!;
  const Body = Buffer.from(text);
  await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body, ContentType: contentType }), {
    abortSignal: signal,
  });
}
