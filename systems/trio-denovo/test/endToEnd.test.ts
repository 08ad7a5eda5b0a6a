import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { seeded } from 'sluice/testing';
import { realData } from '../../../test/support/data';
import { useLakeStack } from '../../../test/support/lakeStack';
import { testLong } from '../../../test/support/long';
import { makeTrio, type MadeTrio } from '../samples/makeTrio';
import { CHILD, FATHER, makeTrioVcf, MOTHER } from '../samples/trioVcf';
import type { Testimony } from '../samples/trioReads';
import type { Site } from '../src/reads/sites';
import { ANSWERS } from '../src/vcf/variantQueries';
import { expectedVariants } from './support/expectedVariants';
import { portOffset } from '../../../test/support/portOffset';

const TRIO = { child: CHILD, father: FATHER, mother: MOTHER };
const VERDICTS: Record<Testimony, string> = {
  confirmed: 'confirmed',
  absent: 'not seen',
  inherited: 'not seen',
  open: 'too few reads',
};

const { pathOf, upload, readLake, filesIn, run } = useLakeStack('trio-denovo', {
  spark: true,
  webhook: false,
  portOffset: portOffset(),
});
let folder: string;
let made: MadeTrio;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-trio-e2e-'));
  made = await makeTrio(folder, 3);
  for (const file of [made.genotypes, ...made.alignments.flatMap((bam) => [bam, `${bam}.bai`])])
    await upload(`in/${basename(file)}`, await readFile(file));
}, 120_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

const GENOTYPES = 'genotypes=s3://lake/in/trio.vcf.gz';
const reads = () => `alignments=${made.alignments.map((file) => `s3://lake/in/${basename(file)}`).join(',')}`;
const answers = () => Promise.all(ANSWERS.map((answer) => readLake(`trio-denovo/${answer}.csv`)));
const outputs = async () =>
  (await filesIn('trio-denovo'))
    .map((file) => relative(pathOf('trio-denovo'), file))
    .filter((file) => !/(^|\/)_/.test(file));
const sites = async () => JSON.parse(await readLake('trio-denovo/sites.json')) as Site[];

test('from VCF and BAMs to answers, coverage, verdicts, pictures and a report', async () => {
  const { result } = await run('trio-denovo', 'trio', GENOTYPES, reads());
  expect(result).toMatchObject({
    report: 's3://lake/trio-denovo/report.html',
    counts: { denovo_strict: 24 },
  });
  const judged = await sites();
  expect(judged).toHaveLength(11);
  expect(judged.map(({ pos, verdict }) => [pos, verdict])).toEqual(
    judged.map(({ pos }) => [pos, VERDICTS[made.testimonies[pos]!]]),
  );
  expect(judged.at(-1)).toMatchObject({ id: 'rs201316886', verdict: 'confirmed' });
  const pictures = judged.map(({ picture }) => picture);
  expect(await outputs()).toEqual(
    [
      ...['child_alt.csv', 'coverage.svg', 'denovo_no_alt.csv', 'denovo_strict.csv'],
      ...[CHILD, FATHER, MOTHER].map((sample) => `coverage/${sample}.csv`),
      ...['genotypes/part-00000.snappy.parquet', 'report.html', 'sites.json', ...pictures],
    ].sort(),
  );
  expect(await readLake('trio-denovo/report.html')).toContain(
    'Variants of NA19685 that are new in the family',
  );
}, 120_000);

test('a second run over the same files gives the same answers; of other sites, the pictures of the first are gone', async () => {
  const before = await answers();
  await run('trio-denovo', 'trio-again', GENOTYPES, reads(), 'sites=17:63052581');
  expect(await answers()).toEqual(before);
  expect((await sites()).map(({ pos, verdict }) => [pos, verdict])).toEqual([[63_052_581, 'confirmed']]);
  expect((await outputs()).filter((file) => file.startsWith('pileups/'))).toEqual([
    'pileups/17-63052581-T-A.svg',
  ]);
}, 120_000);

// With `SLUICE_LONG=1`, since it is four Sparks.
testLong(
  'on Livy, ADAM gives the same answers, coverage and verdicts byte for byte',
  async () => {
    const coverage = () =>
      Promise.all([CHILD, FATHER, MOTHER].map((sample) => readLake(`trio-denovo/coverage/${sample}.csv`)));
    await run('trio-denovo', 'trio-duckdb', GENOTYPES, reads());
    const before = [await answers(), await coverage(), await sites()];
    await run('trio-denovo', 'trio-livy', GENOTYPES, 'engine=livy', reads());
    expect([await answers(), await coverage(), await sites()]).toEqual(before);
  },
  600_000,
);

/** The public set where it is there, and else made-up genotypes with all oddities. */
const PUBLIC_SET = join(realData, 'trio-vcf/trio.chr17.vcf');
const isPublic = existsSync(PUBLIC_SET);

test('other genotypes replace all answers, by ADAM on Livy and on DuckDB byte for byte, and without reads nothing is left of those before', async () => {
  const text = isPublic
    ? await readFile(PUBLIC_SET, 'utf8')
    : makeTrioVcf(seeded(9), { sites: 200, denovo: 8, odd: true }).text;
  const expected = Object.values(expectedVariants(text, TRIO));
  await upload('in/other.vcf', text);
  for (const engine of ['livy', 'duckdb']) {
    await run('trio-denovo', `trio-other-${engine}`, 'genotypes=s3://lake/in/other.vcf', `engine=${engine}`);
    expect(await answers()).toEqual(expected);
    const left = (await outputs()).filter((file) => !file.startsWith('genotypes/'));
    expect(left).toEqual(['child_alt.csv', 'denovo_no_alt.csv', 'denovo_strict.csv', 'report.html']);
  }
  const counts = (await answers()).map((csv) => csv.trimEnd().split('\n').length - 1);
  if (isPublic) expect(counts).toEqual([532, 33, 29]);
}, 300_000);
