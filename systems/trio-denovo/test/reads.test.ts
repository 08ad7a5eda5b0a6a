import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import type { TaskResult } from 'sluice';
import { seeded } from 'sluice/testing';
import { isLong } from '../../../test/support/long';
import { startTestS3 } from '../../../test/support/s3';
import { runTask, taskContext } from '../../../test/support/tasks';
import { makeTrioReads } from '../samples/trioReads';
import { CHILD, FATHER, MOTHER } from '../samples/trioVcf';
import { bamIn, writeBams } from '../samples/writeBams';
import { BGZF_END, ReadsFile } from '../src/reads/readsFile';
import type { Site } from '../src/reads/sites';
import { checkTrio, type CheckedTrio } from '../src/tasks/checkTrio';
import { measureCoverage } from '../src/tasks/measureCoverage';
import { drawPictures } from '../src/tasks/drawPictures';
import { viewSites } from '../src/tasks/viewSites';
import { writeReport } from '../src/tasks/writeReport';
import { ANSWERS } from '../src/vcf/variantQueries';
import { askSamtools, writeBam } from './support/madeReads';

const LENGTH = 10_000;
const SAMPLES: [string, string, string] = [CHILD, FATHER, MOTHER];
const TRIO = { child: CHILD, father: FATHER, mother: MOTHER };
/** All sites with all reads over them, or with two of them: `SLUICE_LONG=1`, since each position is asked for. */
const STRETCH = isLong ? ([390, 1_010] as const) : ([470, 590] as const);
const SITES = [
  { pos: 500, ref: 'A', alt: 'T', testimony: 'confirmed' as const },
  { pos: 560, ref: 'C', alt: 'G', testimony: 'absent' as const },
  { pos: 720, ref: 'G', alt: 'A', testimony: 'inherited' as const },
  { pos: 900, ref: 'T', alt: 'C', testimony: 'open' as const },
];
const VCF = `##fileformat=VCFv4.2\n##contig=<ID=17,length=${LENGTH}>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t${SAMPLES.join('\t')}\n17\t500\t.\tA\tT\t.\t.\t.\tGT\t0/1\t0/0\t0/0\n`;

let gateway: Awaited<ReturnType<typeof startTestS3>>;
let folder: string;
let lake: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-trio-test-'));
  gateway = await startTestS3();
  lake = join(gateway.s3Dir, 'lake');
  await mkdir(join(lake, 'in'), { recursive: true });
  const sams = makeTrioReads(seeded(7), { samples: SAMPLES, contigLength: LENGTH, sites: SITES, odd: true });
  const pairs: [string, string][] = [];
  for (const sample of SAMPLES) {
    await writeFile(join(folder, `${sample}.sam`), sams[sample]!);
    pairs.push([join(folder, `${sample}.sam`), bamIn(join(lake, 'in'), sample)]);
  }
  await writeBams(pairs);
  await writeFile(join(lake, 'in/trio.vcf'), VCF);
}, 120_000);
afterAll(async () => {
  await gateway?.stop();
  await rm(folder, { recursive: true, force: true });
});

const object = (key: string) => ({ bucket: 'lake', key });
const put = (Key: string, Body: string | Buffer) =>
  gateway.s3.send(new PutObjectCommand({ Bucket: 'lake', Key, Body: Buffer.from(Body as string) }));
const ALIGNMENTS = SAMPLES.map((sample) => object(`in/${sample}.bam`));
const check = async (input: Record<string, unknown> = {}) => {
  const given = {
    genotypes: object('in/trio.vcf'),
    alignments: ALIGNMENTS,
    ...TRIO,
    region: '17',
    output: 's3://lake/out/',
  };
  const { payload } = await runTask(checkTrio, { ...given, ...input }, { s3: gateway.s3 });
  return (payload as CheckedTrio).reads;
};

test.each(SAMPLES)(
  'coverage and bases of %s are those of samtools, at every position of a stretch',
  async (sample) => {
    const bam = join(lake, 'in', `${sample}.bam`);
    const [from, to] = STRETCH;
    const samtools = await askSamtools(bam, '17', from, to);
    const histogram = new Map<number, number>();
    for (const depth of Object.values(samtools.depth))
      if (depth > 0) histogram.set(depth, (histogram.get(depth) ?? 0) + 1);
    const context = { ...taskContext(gateway.s3), folder };
    const file = new ReadsFile(object(`in/${sample}.bam`), `s3://lake/in/${sample}.bam.bai`, context);
    const { depths } = await file.coverage('17', { start: from, end: to });
    expect(depths).toEqual([...histogram].sort(([a], [b]) => a - b));
    expect(depths.length).toBeGreaterThan(10);

    const positions = Array.from({ length: to - from + 1 }, (_, i) => from + i);
    const views = await file.view(
      '17',
      positions.map((pos) => ({ pos, ref: null, alt: null })),
      0,
    );
    // Of overlapping mates samtools' counter takes both, and a molecule counts once here: the reads shown tell which they are.
    const mates = await matesBySite(bam, positions);
    for (const [i, pos] of positions.entries()) {
      const { A, C, G, T } = views[i]!.counts;
      const twice = samtools.counts[pos]!.reduce((sum, count) => sum + count, 0) - (A + C + G + T);
      expect({ pos, twice }).toEqual({ pos, twice: mates[pos] ?? 0 });
      if (twice === 0) expect([A, C, G, T]).toEqual(samtools.counts[pos]);
    }
  },
  60_000,
);

/** How many overlapping mates there are over each position with a good base, from the SAM that the BAM was made of. */
async function matesBySite(bam: string, positions: number[]): Promise<Record<number, number>> {
  const sam = await readFile(join(folder, `${basename(bam, '.bam')}.sam`), 'utf8');
  const counts: Record<number, number> = {};
  for (const line of sam.split('\n')) {
    const [, flag = '0', , pos] = line.split('\t');
    // Of a pair one is counted: the last of the two, which lies just over the first.
    if ((Number(flag) & 0x80) === 0) continue;
    for (const at of positions)
      if (at >= Number(pos) && at < Number(pos) + 100) counts[at] = (counts[at] ?? 0) + 1;
  }
  return counts;
}

test('a region cuts reads at its ends, and one without reads has no depths', async () => {
  const [{ object: bam, index, sample, contig } = { object: undefined }] = await check();
  const coverage = async (start: number, end: number) => {
    const output = `s3://lake/out/coverage/${sample}.csv`;
    await runTask(
      measureCoverage,
      { object: bam, index, sample, contig, start, end, output },
      { s3: gateway.s3 },
    );
    return readFile(join(lake, `out/coverage/${sample}.csv`), 'utf8');
  };
  expect(await coverage(5_000, 6_000)).toBe('sample,depth,positions,share\n');
  const [, row, ...rest] = (await coverage(500, 500)).trimEnd().split('\n');
  expect(row).toMatch(/^NA19685,\d+,1,1\.000000000$/);
  expect(rest).toEqual([]);
});

test('sites are judged by what the reads are made to say, the first de novo variants unless others are asked for', async () => {
  const header = 'chrom,pos,ref,alt,id\n';
  const rows = SITES.map(({ pos, ref, alt }) => `17,${pos},${ref},${alt},${pos === 500 ? 'rs5;rs6' : ''}\n`);
  await put('out/child_alt.csv', `${header}${rows.join('')}17,9000,A,<DEL>,\n`);
  await put('out/denovo_strict.csv', `${header}17,400,A,<DEL>,\n${rows.join('')}`);
  const reads = await check();
  let measures: TaskResult['measures'];
  const view = async (input: object = {}) => {
    const lists = { denovo: 's3://lake/out/denovo_strict.csv', childAlt: 's3://lake/out/child_alt.csv' };
    const given = { reads, ...lists, output: 's3://lake/out/', ...input };
    ({ measures } = await runTask(viewSites, given, { s3: gateway.s3 }));
    return JSON.parse(await readFile(join(lake, 'out/sites.json'), 'utf8')) as Site[];
  };
  const sites = await view();
  expect(sites.map(({ pos, verdict }) => [pos, verdict])).toEqual([
    [500, 'confirmed'],
    [560, 'not seen'],
    [720, 'not seen'],
    [900, 'too few reads'],
  ]);
  const whole = { rowsRejected: 0, valuesUnread: 0 };
  expect(measures).toEqual({ rowsRead: 5, ...whole, rowsWritten: 4, sites: 4, confirmed: 1 });
  const [first] = sites;
  expect(first).toMatchObject({
    chrom: '17',
    ref: 'A',
    alt: 'T',
    id: 'rs5;rs6',
    picture: 'pileups/17-500-A-T.svg',
  });
  expect(Object.keys(first!.samples)).toEqual(SAMPLES);
  const { depth, A, T, C, G, N, deleted, alt } = first!.samples[CHILD]!;
  expect(A + C + G + T + N + deleted).toBe(depth);
  expect(alt).toBe(T);
  expect(sites[2]!.reason).toContain(`inherited: ${MOTHER} has it in`);
  const asked = await view({ sites: ['rs6', '17:900', '17:7000'] });
  expect(asked.map(({ pos, alt: allele, verdict }) => [pos, allele, verdict])).toEqual([
    [500, 'T', 'confirmed'],
    [900, 'C', 'too few reads'],
    [7_000, null, 'too few reads'],
  ]);
  await put('out/denovo_strict.csv', `${header}17,400,A,T,\n17,here,A,T,\n`);
  await expect(view()).rejects.toMatchObject({
    code: 'BadData',
    message: expect.stringContaining('denovo_strict.csv, line 3: pos is "here", no BIGINT'),
  });
}, 60_000);

test('picture and report tell how many rows they are of; a row of the coverage that is none is named', async () => {
  const root = 's3://lake/drawn/';
  const site: Site = {
    ...{ chrom: '17', pos: 500, ref: 'A', alt: 'T', id: null, picture: 'pileups/17-500-A-T.svg' },
    ...{ verdict: 'confirmed', reason: 'seen', samples: {} },
  };
  await put('drawn/coverage/a.csv', 'sample,depth,positions,share\na,1,5,0.500000000\na,2,5,0.500000000\n');
  await put('drawn/sites.json', JSON.stringify([site]));
  const picture = { picture: site.picture, title: 'a site', pos: 500, samples: [] };
  await put('drawn/_views.json', JSON.stringify([picture]));
  for (const answer of ANSWERS) await put(`drawn/${answer}.csv`, 'chrom,pos,ref,alt,id\n17,500,A,T,\n');
  const whole = { rowsRejected: 0, valuesUnread: 0 };
  const draw = () => runTask(drawPictures, { samples: ['a'], bin: 1, output: root }, { s3: gateway.s3 });
  expect((await draw()).measures).toEqual({ rowsRead: 3, ...whole, rowsWritten: 3, pictures: 2 });
  const about = { title: 't', ...TRIO, region: '17', genotypes: 'g', engine: 'duckdb', rule: 'strict' };
  const written = await runTask(
    writeReport,
    { ...about, samples: ['a'], minReads: 8, output: root },
    { s3: gateway.s3 },
  );
  expect(written.measures).toEqual({ rowsRead: 6, ...whole, rowsWritten: 6 });
  await put('drawn/coverage/a.csv', 'sample,depth,positions,share\na,1,5,0.5\na,two,5,0.5\n');
  await expect(draw()).rejects.toMatchObject({
    code: 'BadData',
    message: expect.stringContaining('drawn/coverage/a.csv, line 3: '),
  });
});

test('each BAM is of the sample that its read groups name, in any order', async () => {
  const reads = await check({ alignments: [...ALIGNMENTS].reverse() });
  expect(reads.map(({ sample, object: { key } }) => [sample, key])).toEqual(
    SAMPLES.map((sample) => [sample, `in/${sample}.bam`]),
  );
  expect(reads[0]).toMatchObject({
    contig: '17',
    start: 1,
    end: LENGTH,
    index: `s3://lake/in/${CHILD}.bam.bai`,
  });
});

test('a BAM that calls the contig chr17 is read as 17; one of another reference genome is refused', async () => {
  const sam = (contig: string, length: number) =>
    `@HD\tVN:1.6\tSO:coordinate\n@SQ\tSN:${contig}\tLN:${length}\n@RG\tID:a\tSM:${CHILD}\n`;
  await writeBam(join(lake, 'in'), 'chr', sam('chr17', LENGTH));
  await writeBam(join(lake, 'in'), 'longer', sam('17', LENGTH + 1));
  await writeBam(join(lake, 'in'), 'other', sam('18', LENGTH));
  const withChild = (key: string) => [object(key), ...ALIGNMENTS.slice(1)];
  expect((await check({ alignments: withChild('in/chr.bam') }))[0]).toMatchObject({ contig: 'chr17' });
  await expect(check({ alignments: withChild('in/longer.bam') })).rejects.toThrow(
    `s3://lake/in/longer.bam: its contig 17 has ${LENGTH + 1} bases, and that of the VCF ${LENGTH}; give reads and genotypes of one reference genome`,
  );
  await expect(check({ alignments: withChild('in/other.bam') })).rejects.toThrow(
    's3://lake/in/other.bam: has no contig 17; give a region of its contigs: 18',
  );
  await expect(check({ alignments: [ALIGNMENTS[0], ALIGNMENTS[1], ALIGNMENTS[1]] })).rejects.toThrow(
    `No BAM is of ${MOTHER}`,
  );
});

test('all that is wrong is told at once, each with its file and cure, and the earlier result stays marked as whole', async () => {
  const bam = await readFile(join(lake, `in/${CHILD}.bam`));
  await put('bad/cut.bam', bam.subarray(0, -100));
  await put('bad/cut.bam.bai', '');
  await put('bad/lonely.bam', bam);
  await put('bad/text.bam', Buffer.concat([Buffer.from('no bam'), BGZF_END]));
  await put('out/_SUCCESS', '');
  const keys = ['bad/cut.bam', 'bad/lonely.bam', 'bad/text.bam', 'bad/gone.bam'];
  const wrong = check({ mother: 'HG1', alignments: keys.map(object) });
  await expect(wrong).rejects.toMatchObject({ code: 'BadData' });
  const { message } = (await wrong.catch((error: Error) => error)) as Error;
  expect(message.split('\n').map((line) => line.replace(/: file .*;/, ': …;'))).toEqual([
    `s3://lake/in/trio.vcf: has no sample HG1; give child, father and mother of its 3 samples: ${SAMPLES.join(', ')}`,
    's3://lake/bad/cut.bam: is cut off, or no BAM: the mark of its end lacks; upload it again',
    's3://lake/bad/lonely.bam: has no index beside it (bad/lonely.bam.bai); make it with "samtools index lonely.bam" and upload it',
    expect.stringMatching(/^s3:\/\/lake\/bad\/text\.bam: .*make the BAM and its index anew$/),
    expect.stringContaining('s3://lake/bad/gone.bam'),
  ]);
  expect(message).not.toContain('X-Amz');
  expect(await readFile(join(lake, 'out/_SUCCESS'), 'utf8')).toBe('');
  await check();
  await expect(readFile(join(lake, 'out/_SUCCESS'))).rejects.toMatchObject({ code: 'ENOENT' });
});

test.each([
  [
    'a contig that the VCF has not',
    { region: '18' },
    VCF,
    'has no contig 18; give a region of its contigs: 17',
  ],
  [
    'a contig that it calls otherwise',
    { region: 'chr17' },
    VCF,
    'has no contig chr17; give a region of 17, as it calls it',
  ],
  [
    'a region behind the end',
    { region: '17:10001-' },
    VCF,
    'ends at 10000, and region=17:10001- begins behind it',
  ],
  ['a contig of no record', { region: '18' }, VCF.replace(/##contig.*\n/, ''), 'has no contig 18'],
  [
    'a gzip that is cut off',
    {},
    gzipSync(VCF.repeat(50)).subarray(0, -20),
    'its gzip is cut off or broken; upload it again',
  ],
  [
    'a gzip by another name, for ADAM',
    { byName: true },
    gzipSync(VCF),
    'is gzip, and ADAM goes by the name; call it ….vcf.gz',
  ],
])('%s is refused', async (_, input, vcf, message) => {
  await put('bad/trio.vcf', vcf);
  await expect(check({ genotypes: object('bad/trio.vcf'), alignments: [], ...input })).rejects.toMatchObject({
    code: 'BadData',
    message: expect.stringContaining(message) as string,
  });
});

test('a BAM that was replaced after it was taken is ObjectGone', async () => {
  await put('in/taken.bam', await readFile(join(lake, `in/${CHILD}.bam`)));
  const file = new ReadsFile({ ...object('in/taken.bam'), etag: 'other' }, undefined, {
    ...taskContext(gateway.s3),
    folder,
  });
  await expect(file.describe()).rejects.toMatchObject({ code: 'ObjectGone' });
  await gateway.s3.send(new DeleteObjectCommand({ Bucket: 'lake', Key: 'in/taken.bam' }));
});
