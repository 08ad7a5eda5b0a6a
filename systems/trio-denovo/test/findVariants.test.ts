import { readFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { seeded } from 'sluice/testing';
import { describeWithRealData, realData } from '../../../test/support/data';
import { startTestS3 } from '../../../test/support/s3';
import { runTask } from '../../../test/support/tasks';
import { CHILD, FATHER, makeTrioVcf, MOTHER } from '../samples/trioVcf';
import { findVariants } from '../src/tasks/findVariants';
import { ANSWERS } from '../src/vcf/variantQueries';
import { bgzip } from './support/bgzip';
import { expectedVariants } from './support/expectedVariants';

const TRIO = { child: CHILD, father: FATHER, mother: MOTHER };
let gateway: Awaited<ReturnType<typeof startTestS3>>;

beforeAll(async () => {
  gateway = await startTestS3();
}, 60_000);
afterAll(() => gateway?.stop());

async function answersOf(vcf: string | Buffer, input: Record<string, unknown> = {}) {
  const Body = Buffer.from(vcf as string);
  await gateway.s3.send(new PutObjectCommand({ Bucket: 'lake', Key: 'in/trio.vcf', Body }));
  const genotypes = { bucket: 'lake', key: 'in/trio.vcf' };
  const given = { genotypes, ...TRIO, region: '17', output: 's3://lake/out/', ...input };
  const result = await runTask(findVariants, given, { s3: gateway.s3 });
  const read = (name: string) => readFile(join(gateway.s3Dir, 'lake/out', name), 'utf8');
  const files = await Promise.all(ANSWERS.map((answer) => read(`${answer}.csv`)));
  return {
    measures: result.measures,
    files: Object.fromEntries(ANSWERS.map((answer, i) => [answer, files[i]])),
  };
}

const HEAD = `##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t${CHILD}\t${FATHER}\t${MOTHER}\n`;
const record = (pos: number, id: string, alleles: string, ...genotypes: string[]) =>
  `17\t${pos}\t${id}\t${alleles.replace('>', '\t')}\t.\t.\tX="1\tGT\t${genotypes.join('\t')}\n`;

test('each form of a genotype counts by the rules', async () => {
  const { files, measures } = await answersOf(
    HEAD +
      record(10, 'rs1', 'A>T', '0|1', '0|0', '0/0') +
      record(11, '.', 'A>T,C', '1/2', '0/2', '0/0') +
      record(12, 'rs3', 'a>t', './1', '0/.', '0/0') +
      record(13, 'rs4;rs5', 'GA>G', '1', '0', '0') +
      record(14, 'rs6', 'A>T', '0/1', './.', '0/0') +
      record(14, 'rs7', 'A>C', '0/1', '0/0', '0/0') +
      record(15, 'rs8', 'A>.', '0/0', '0/0', '0/0') +
      record(16, 'rs9', 'A><DEL>', '0/1', '0/0', '0/0'),
  );
  expect(files).toEqual({
    child_alt:
      'chrom,pos,ref,alt,id\n17,10,A,T,rs1\n17,11,A,C,\n17,11,A,T,\n17,12,A,T,rs3\n17,13,GA,G,rs4;rs5\n17,14,A,C,rs7\n17,14,A,T,rs6\n17,16,A,<DEL>,rs9\n',
    denovo_no_alt:
      'chrom,pos,ref,alt,id\n17,10,A,T,rs1\n17,11,A,T,\n17,12,A,T,rs3\n17,13,GA,G,rs4;rs5\n17,14,A,C,rs7\n17,14,A,T,rs6\n17,16,A,<DEL>,rs9\n',
    denovo_strict:
      'chrom,pos,ref,alt,id\n17,10,A,T,rs1\n17,13,GA,G,rs4;rs5\n17,14,A,C,rs7\n17,16,A,<DEL>,rs9\n',
  });
  expect(measures).toEqual({ rowsRead: 8, rowsRejected: 0, valuesUnread: 0, rowsWritten: 24 + 8 + 7 + 4 });
});

const halves = (text: string) => [text.slice(0, text.length / 2), text.slice(text.length / 2)];

test.each([
  ['as they are', 1, (text: string) => text, {}],
  ['with father and mother changed round', 2, (text: string) => text, { father: MOTHER, mother: FATHER }],
  [
    'as gzip of two members',
    3,
    (text: string) => Buffer.concat(halves(text).map((half) => gzipSync(half))),
    {},
  ],
  ['as bgzip', 5, bgzip, {}],
  ['with lines that end in CRLF', 4, (text: string) => text.replaceAll('\n', '\r\n'), {}],
])(
  'of made-up trios with all oddities, %s, the answers are those of the rules',
  async (_, seed, write, input) => {
    const { text, planted } = makeTrioVcf(seeded(seed), { sites: 400, denovo: 20, odd: true });
    const expected = expectedVariants(text, TRIO);
    expect((await answersOf(write(text), input)).files).toEqual(expected);
    for (const { pos, ref, alt } of planted)
      expect(expected.denovo_strict).toContain(`17,${pos},${ref},${alt},`);
  },
);

test('a region takes the positions within it, both ends included; one without records gives empty answers', async () => {
  const vcf = HEAD + [9, 10, 12, 13].map((pos) => record(pos, '.', 'A>T', '0/1', '0/0', '0/0')).join('');
  const rows = async (region: string) => (await answersOf(vcf, { region })).files['denovo_strict'];
  expect(await rows('17:10-12')).toBe('chrom,pos,ref,alt,id\n17,10,A,T,\n17,12,A,T,\n');
  expect(await rows('17:13-')).toBe('chrom,pos,ref,alt,id\n17,13,A,T,\n');
  expect(await rows('17:50-60')).toBe('chrom,pos,ref,alt,id\n');
  expect(await rows('18')).toBe('chrom,pos,ref,alt,id\n');
});

test('no records at all are empty answers', async () => {
  expect((await answersOf(HEAD)).files['child_alt']).toBe('chrom,pos,ref,alt,id\n');
});

test('what cannot be read is counted and shown with its line, and what an earlier run has shown goes', async () => {
  const vcf =
    HEAD +
    record(10, '.', 'A>T', '0/1', '0/0', '0/0') +
    '17\t11\tshort\n' +
    record(12, '.', 'A>T', '0/3', '0/0', 'x') +
    record(13, '.', 'A>T', '0/1', '0/0', '0/0').replace('13', 'thirteen');
  const { measures, files } = await answersOf(vcf);
  expect(files['child_alt']).toBe('chrom,pos,ref,alt,id\n17,10,A,T,\n');
  expect(measures).toMatchObject({ rowsRead: 2, rowsRejected: 2, valuesUnread: 2 });
  const cases = join(gateway.s3Dir, 'lake/out/genotypes-rejected/part-00000.jsonl');
  const shown = (await readFile(cases, 'utf8')).trim().split('\n');
  expect(shown.map((line) => JSON.parse(line) as object)).toEqual([
    {
      file: 's3://lake/in/trio.vcf',
      line: 4,
      column: null,
      text: '17\t11\tshort',
      reason: 'too few columns',
    },
    {
      file: 's3://lake/in/trio.vcf',
      line: 5,
      column: CHILD,
      text: '0/3',
      reason: 'no genotype of this record',
    },
    {
      file: 's3://lake/in/trio.vcf',
      line: 5,
      column: MOTHER,
      text: 'x',
      reason: 'no genotype of this record',
    },
    { file: 's3://lake/in/trio.vcf', line: 6, column: 'POS', text: 'thirteen', reason: 'no whole number' },
  ]);
  await expect(answersOf(vcf, { maxBadShare: 0.1 })).rejects.toMatchObject({
    code: 'BadData',
    message: expect.stringContaining(
      'more than maxBadShare 0.1 allows: line 4: too few columns: 17\t11\tshort',
    ) as string,
  });
  await answersOf(HEAD);
  expect(existsSync(cases)).toBe(false);
});

// DuckDB cuts a file at each eight million bytes.
test('a record that is none is one record, wherever the file is cut', async () => {
  const line = record(10, 'rs1', 'A>T', '0|0', '0|0', '0/0');
  const before = Math.floor((8_000_000 - HEAD.length) / line.length);
  const { measures } = await answersOf(
    `${HEAD}${line.repeat(before + 1)}17\t11\n17\t12\n${line.repeat(1000)}`,
  );
  expect(measures).toMatchObject({ rowsRead: before + 1001, rowsRejected: 2 });
}, 60_000);

test('a position or an allele is digits and nothing else, and a record without REF is no variant', async () => {
  const good = (pos: number) => record(pos, '.', 'A>T', '0|1', '0|0', '0|0');
  const positions = ['104.4', '1e2', '0x69', '1_06', ' 107', '+108', '-109', '1'.repeat(30)];
  const genotypes = ['0|1.4', '0|1e0', '0|+1', '0.3|0', ' 0|1', '0|1 ', '0|0x1', '0|-1', '0|1_0'];
  const { measures, files } = await answersOf(
    HEAD +
      good(10) +
      positions.map((pos) => good(10).replace('\t10\t', `\t${pos}\t`)).join('') +
      genotypes.map((genotype, i) => record(200 + i, '.', 'A>T', genotype, '0|0', '0|0')).join('') +
      record(300, '.', '>T', '0|1', '0|0', '0|0') +
      record(301, '.', 'A>T', '0|01', '0|0', '0|0'),
  );
  for (const answer of ANSWERS) expect(files[answer]).toBe('chrom,pos,ref,alt,id\n17,10,A,T,\n17,301,A,T,\n');
  expect(measures).toMatchObject({
    ...{ rowsRead: 2 + genotypes.length, rowsRejected: positions.length + 1 },
    valuesUnread: genotypes.length,
  });
  const cases = await readFile(join(gateway.s3Dir, 'lake/out/genotypes-rejected/part-00000.jsonl'), 'utf8');
  const shown = cases
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(shown.map(({ text }) => text)).toEqual([...positions, ...genotypes, '']);
  expect(shown.at(-1)).toMatchObject({ line: 21, column: 'REF', reason: 'no bases' });
});

test.each([
  ['a file that is none', 'a,b\n1,2\n', 'begins with "a,b"'],
  [
    'a header without samples',
    '##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n',
    'column 9 is ""',
  ],
  ['a header without an end', '##fileformat=VCFv4.2\n##x\n', 'ends before the line that begins with #CHROM'],
  [
    'another sample',
    HEAD.replace(MOTHER, 'HG1'),
    `has no sample ${MOTHER}; give child, father and mother of its 3 samples`,
  ],
  ['rows of which none can be read', `${HEAD}17\t1\n`, '1 rows were rejected'],
])('%s is BadData', async (_, vcf, message) => {
  await expect(answersOf(vcf)).rejects.toMatchObject({
    code: 'BadData',
    message: expect.stringContaining(message) as string,
  });
});

describeWithRealData('on the shared data', () => {
  test('the child has 532 variants, and the answers are those of the rules', async () => {
    const text = await readFile(join(realData, 'trio-vcf/trio.chr17.vcf'), 'utf8');
    const { files } = await answersOf(text);
    expect(files).toEqual(expectedVariants(text, TRIO));
    const counts = ANSWERS.map((answer) => files[answer]!.trimEnd().split('\n').length - 1);
    expect(counts).toEqual([532, 33, 29]);
    expect(files['denovo_strict']).toContain('\n17,63052581,T,A,rs201316886\n');
  });
});
