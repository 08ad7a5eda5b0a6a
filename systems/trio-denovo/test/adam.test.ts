import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { ensurePythonPackages, runQuery } from 'sluice';
import { seeded } from 'sluice/testing';
import { testLong } from '../../../test/support/long';
import { runOnSpark } from '../../../test/support/spark';
import { CHILD, FATHER, makeTrioVcf, MOTHER } from '../samples/trioVcf';
import { ADAM } from '../src/tasks/provideAdam';
import { readHeader } from '../src/vcf/readHeader';
import { ANSWERS, variantQueries, type Answer } from '../src/vcf/variantQueries';
import { bgzip } from './support/bgzip';
import { expectedVariants } from './support/expectedVariants';

const SCRIPTS = join(__dirname, '..', 'jobs', 'trio-denovo');
const TRIO = { child: CHILD, father: FATHER, mother: MOTHER };
const TRIOS = 20;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-adam-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function adamSettings(): Promise<Record<string, string>> {
  const { sitePackages } = await ensurePythonPackages(ADAM, { env: process.env, report: () => {} });
  const jar = join(sitePackages, 'bdgenomics/adam/jars/adam.jar');
  const conf = [
    'spark.serializer=org.apache.spark.serializer.KryoSerializer',
    'spark.kryo.registrator=org.bdgenomics.adam.serialization.ADAMKryoRegistrator',
    'spark.sql.shuffle.partitions=2',
    'spark.ui.enabled=false',
  ];
  const options = ['--jars', jar, ...conf.flatMap((setting) => ['--conf', setting]), 'pyspark-shell'];
  return { PYSPARK_SUBMIT_ARGS: options.join(' '), PYTHONPATH: SCRIPTS };
}

/** Runs `variants.py` on each file, and returns the answers. */
async function answersOf(
  files: { name: string; bytes: Buffer; region?: string[]; swapped?: boolean; fails?: string }[],
) {
  const calls = await Promise.all(
    files.map(async ({ name, bytes, region = [], swapped = false }) => {
      const output = join(folder, `out-${name}`);
      await mkdir(output, { recursive: true });
      await writeFile(join(folder, name), bytes);
      const parents = swapped ? [MOTHER, FATHER] : [FATHER, MOTHER];
      const members = ['--child', CHILD, '--father', parents[0]!, '--mother', parents[1]!];
      const places = ['--genotypes', join(folder, name), '--output', output, '--contig', '17', ...region];
      places.push('--rows-to', `${output}-rows.json`);
      return [join(SCRIPTS, 'variants.py'), ...members, ...places];
    }),
  );
  const failures = await runOnSpark(calls, await adamSettings());
  expect(failures.map((failure) => failure ?? '')).toEqual(
    files.map(({ fails = '' }) => (fails === '' ? '' : (expect.stringContaining(fails) as string))),
  );
  files = files.filter(({ fails }) => fails === undefined);
  const read = (name: string, answer: string) =>
    readFile(join(folder, `out-${name}`, `${answer}.csv`), 'utf8');
  return Promise.all(
    files.map(async ({ name }) =>
      Object.fromEntries(
        await Promise.all(ANSWERS.map(async (answer) => [answer, await read(name, answer)] as const)),
      ),
    ),
  );
}

/** What the other engine says of a file that ADAM was given. */
async function duckdbAnswersOf(name: string): Promise<Record<string, string>> {
  const output = join(folder, `duckdb-${name}`);
  await mkdir(output);
  const file = join(folder, name);
  const answers = ANSWERS.map((answer) => [answer, join(output, `${answer}.csv`)] as const);
  const header = await readHeader(createReadStream(file), file);
  const files = {
    genotypes: join(output, 'genotypes.parquet'),
    answers: Object.fromEntries(answers) as Record<Answer, string>,
  };
  await runQuery({
    sql: variantQueries(header, TRIO, { contig: '17', start: 1, end: null }, files),
    variables: { vcf: [file], ...TRIO, contig: '17' },
    ...{ names: {}, maxRows: 1, tempFolder: output, signal: new AbortController().signal },
  });
  const read = answers.map(async ([answer, path]) => [answer, await readFile(path, 'utf8')] as const);
  return Object.fromEntries(await Promise.all(read));
}

testLong(
  `the answers of ADAM and DuckDB of ${TRIOS} made-up trios with all oddities are equal, and those of the rules, however the file is written`,
  async () => {
    const texts = Array.from(
      { length: TRIOS },
      (_, i) =>
        makeTrioVcf(seeded(100 + i), {
          sites: 120,
          denovo: 8,
          odd: true,
          lineEnd: i % 4 === 1 ? '\r\n' : '\n',
        }).text,
    );
    const files = texts.map((text, i) =>
      i % 4 === 2
        ? { name: `trio${i}.vcf.gz`, bytes: i % 8 === 2 ? gzipSync(text) : bgzip(text) }
        : { name: `trio${i}.vcf`, bytes: Buffer.from(text), swapped: i % 4 === 3 },
    );
    const none = makeTrioVcf(seeded(1), { sites: 0, denovo: 0 }).text;
    const first = texts[0]!;
    const positions = first
      .split('\n')
      .filter((line) => line.startsWith('17\t'))
      .map((line) => Number(line.split('\t')[1]));
    const [start, end] = [positions[20]!, positions[60]!];
    const within = first
      .split('\n')
      .filter(
        (line) =>
          line.startsWith('#') ||
          (Number(line.split('\t')[1]) >= start && Number(line.split('\t')[1]) <= end),
      )
      .join('\n');
    const answers = await answersOf([
      ...files,
      { name: 'none.vcf', bytes: Buffer.from(none) },
      {
        name: 'region.vcf',
        bytes: Buffer.from(first),
        region: ['--start', String(start), '--end', String(end)],
      },
    ]);
    const counted = JSON.parse(await readFile(join(folder, 'out-region.vcf-rows.json'), 'utf8')) as object;
    expect(counted).toMatchObject({
      rowsRead: expect.any(Number) as number,
      rowsRejected: 0,
      valuesUnread: 0,
    });
    expect(answers).toEqual([...texts, none, within].map((text) => expectedVariants(text, TRIO)));
    for (const [i, { name }] of files.entries()) expect(await duckdbAnswersOf(name)).toEqual(answers[i]);
  },
  1_800_000,
);

testLong(
  'a line that ADAM cannot read fails the job with file and line, and leaves no output',
  async () => {
    const { text } = makeTrioVcf(seeded(2), { sites: 20, denovo: 1 });
    const bytes = Buffer.from(`${text}17\t81000000\tshort\n`);
    await answersOf([
      { name: 'bad.vcf', bytes, fails: "bad.vcf: there aren't enough columns for line 17\t81000000\tshort" },
    ]);
    expect(await readdir(join(folder, 'out-bad.vcf'))).toEqual([]);
  },
  300_000,
);

testLong(
  "ADAM's depths are those of the reads that count, and all reads are counted",
  async () => {
    const read = (name: string, flag: number, at: number) =>
      [name, flag, '17', at, 60, '10M', '*', 0, 0, 'A'.repeat(10), 'I'.repeat(10)].join('\t');
    const header = ['@HD\tVN:1.6\tSO:coordinate', '@SQ\tSN:17\tLN:1000', '@RG\tID:a\tSM:NA1'];
    // The third is a duplicate, and the last one lies outside.
    const reads = [read('a', 0, 1), read('b', 0, 6), read('c', 1024, 6), read('d', 0, 500)];
    const sam = join(folder, 'reads.sam');
    await writeFile(sam, [...header, ...reads, ''].join('\n'));
    const output = join(folder, 'out-depths');
    await mkdir(output, { recursive: true });
    const stretch = ['--contig', '17', '--start', '1', '--end', '100'];
    const places = ['--alignments', sam, '--output', output, '--name', 'depths.csv', '--sample', 'NA1'];
    const rowsTo = ['--rows-to', join(folder, 'depths-rows.json')];
    expect(
      await runOnSpark(
        [[join(SCRIPTS, 'coverage.py'), ...places, ...stretch, ...rowsTo]],
        await adamSettings(),
      ),
    ).toEqual([null]);
    expect(await readFile(join(output, 'depths.csv'), 'utf8')).toBe(
      'sample,depth,positions,share\nNA1,1,10,0.666666667\nNA1,2,5,0.333333333\n',
    );
    expect(JSON.parse(await readFile(join(folder, 'depths-rows.json'), 'utf8'))).toEqual({
      ...{ rowsRead: 4, rowsRejected: 0, valuesUnread: 0, rowsWritten: 2 },
    });
  },
  300_000,
);
