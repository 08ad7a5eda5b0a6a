import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  defineTask,
  field,
  joinFolder,
  joinLocation,
  MultipartUpload,
  parseS3Uri,
  publishCases,
  publishOutput,
  type BadCase,
  runQuery,
  SluiceError,
  stageInput,
  type TaskContext,
  type TaskResult,
} from 'sluice';
import { isPinnedObject, type PinnedObject } from '../objects';
import { readHeader, type VcfHeader } from '../vcf/readHeader';
import { requireSamples } from '../vcf/requireSamples';
import { parseRegion } from '../vcf/region';
import {
  ANSWERS,
  variantQueries,
  type Answer,
  type Case,
  type Counts,
  type Trio,
} from '../vcf/variantQueries';

const MEMORY_BYTES = 300_000_000;
/** How many cases an error names. */
const NAMED_CASES = 5;

/**
 * `find-variants`: the trio's genotypes of a region as Parquet, and the three answers of them as CSV, all by DuckDB: the
 * engine `duckdb`. The answers are computed whole before the first of them is published.
 */
export const findVariants = defineTask(
  {
    name: 'find-variants',
    about: "Finds a child's variants, and those that its parents do not have, in a VCF.",
    input: {
      genotypes: field.value(isPinnedObject, { needs: 'an object { bucket, key, versionId?, etag? }' }),
      child: field.text(),
      father: field.text(),
      mother: field.text(),
      region: field.text(),
      output: field.folder(),
      maxBadShare: field.share({ default: 1 }),
    },
  },
  (input, context) => find(input, context),
);

interface Input extends Trio {
  genotypes: PinnedObject;
  region: string;
  output: string;
  maxBadShare: number;
}

async function find(input: Input, { s3, signal }: TaskContext): Promise<TaskResult> {
  const { child, father, mother, genotypes, maxBadShare } = input;
  const region = parseRegion(input.region)!;
  const folder = await mkdtemp(join(tmpdir(), 'sluice-trio-'));
  try {
    const [staged] = await stageInput(s3, genotypes as Parameters<typeof stageInput>[1], folder, signal);
    const { path, uri } = staged!;
    const header = await readHeader(createReadStream(path), uri);
    requireSamples(header, input, uri);
    const files = {
      genotypes: join(folder, 'genotypes.parquet'),
      answers: Object.fromEntries(ANSWERS.map((answer) => [answer, join(folder, `${answer}.csv`)])) as Record<
        Answer,
        string
      >,
    };
    const { rows } = await runQuery({
      sql: variantQueries(header, { child, father, mother }, region, files),
      variables: { vcf: [path], child, father, mother, contig: region.contig },
      names: { [path]: uri },
      maxRows: 1,
      tempFolder: folder,
      limits: { memoryBytes: MEMORY_BYTES },
      signal,
    });
    const counts = rows![0] as unknown as Counts;
    const cases = toCases(counts.cases, header, uri);
    refuseBad(counts, cases, { uri, maxBadShare });
    await publishCases(s3, cases, joinFolder(input.output, 'genotypes'), signal);
    await publishOutput(
      s3,
      files.genotypes,
      joinFolder(input.output, 'genotypes'),
      'part-00000.snappy.parquet',
      signal,
    );
    for (const answer of ANSWERS) {
      const to = parseS3Uri(joinLocation(input.output, `${answer}.csv`))!;
      const upload = new MultipartUpload(s3, { ...to, contentType: 'text/csv' }, signal);
      try {
        for await (const chunk of createReadStream(files.answers[answer]) as AsyncIterable<Buffer>)
          await upload.write(chunk);
        await upload.finish();
      } finally {
        await upload.abort();
      }
    }
    return {
      output: input.output,
      measures: {
        rowsRead: counts.rows_read,
        rowsRejected: counts.rows_rejected,
        valuesUnread: counts.values_unread,
        rowsWritten: counts.genotypes + ANSWERS.reduce((sum, answer) => sum + counts[answer], 0),
      },
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Cases with the lines of the file: DuckDB numbers the records that it could read. */
function toCases(cases: Case[], { lines }: VcfHeader, file: string): BadCase[] {
  const rejected = cases.filter(({ kind }) => kind === 'row').map(({ number }) => number);
  return cases
    .map(({ kind, number, column, text, reason }) => {
      let line = kind === 'row' ? number : lines + number;
      if (kind === 'value') for (const other of rejected) if (other <= line) line++;
      return { file, line, column, text, reason };
    })
    .sort((a, b) => a.line - b.line);
}

/** @throws SluiceError BadData that names the first cases */
function refuseBad(
  { rows_read, rows_rejected, values_unread }: Counts,
  cases: BadCase[],
  { uri, maxBadShare }: { uri: string; maxBadShare: number },
): void {
  const bad = rows_rejected + values_unread;
  const isAllBad = rows_rejected > 0 && rows_read === 0;
  if (
    bad === 0 ||
    (!isAllBad && bad / (rows_read + rows_rejected) <= maxBadShare) ||
    (maxBadShare === 1 && !isAllBad)
  )
    return;
  const named = cases
    .slice(0, NAMED_CASES)
    .map(
      ({ line, column, text, reason }) =>
        `line ${line}${column === null ? '' : `, ${column}`}: ${reason}: ${text.slice(0, 80)}`,
    );
  throw new SluiceError(
    'BadData',
    `${uri}: ${rows_rejected} rows were rejected and ${values_unread} values could not be read, of ${rows_read + rows_rejected} rows${isAllBad ? '' : `: more than maxBadShare ${maxBadShare} allows`}: ${named.join('; ')}`,
  );
}
