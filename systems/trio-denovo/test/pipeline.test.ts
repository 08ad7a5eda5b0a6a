import type { RunJobFlowCommandInput } from '@aws-sdk/client-emr';
import { createTestStack, type TestStack } from 'sluice/testing';
import { CHILD, FATHER, MOTHER } from '../samples/trioVcf';
import { trioDenovo } from '../src/pipelines/trioDenovo';
import type { SampleReads } from '../src/tasks/checkTrio';

const SAMPLES = [CHILD, FATHER, MOTHER];
const READS: SampleReads[] = SAMPLES.map((sample) => ({
  sample,
  object: { bucket: 'lake', key: `in/${sample}.bam` },
  index: `s3://lake/in/${sample}.bam.bai`,
  contig: 'chr17',
  start: 1,
  end: 10_000,
}));
const GENOTYPES = { genotypes: 's3://lake/in/trio.vcf' };
const ALIGNMENTS = { alignments: SAMPLES.map((sample) => `s3://lake/in/${sample}.bam`).join(',') };

let stack: TestStack;
/** How many jobs the tests before have submitted. */
let before: number;

beforeAll(async () => {
  stack = await createTestStack({ pipelines: [trioDenovo] });
  for (const uri of [GENOTYPES.genotypes, ...ALIGNMENTS.alignments.split(',')]) await stack.put(uri);
}, 120_000);
afterAll(() => stack?.stop());

beforeEach(() => {
  before = stack.submitted.length;
  stack.script('check inputs', { succeeds: { payload: { reads: READS } } });
  stack.script('find variants', {});
  stack.script('create the cluster', { succeeds: { payload: { ClusterId: 'j-MADE' } } });
  stack.script('write report', { succeeds: { payload: { counts: { child_alt: 3 } } } });
});

const submitted = () => stack.submitted.slice(before);
const steps = () => submitted().map(({ step }) => step);
const parametersOf = (step: string) =>
  submitted().find((job) => job.step === step)!.job.parameters as Record<string, unknown>;
const inputOf = (step: string) => parametersOf(step)['input'] as Record<string, unknown>;

test('files that are there are taken, and variants and coverage are found before sites are looked at', async () => {
  const run = await stack.start(trioDenovo, { ...GENOTYPES, ...ALIGNMENTS, sites: '17:500, rs6' });
  expect(await run.result()).toEqual({
    childAlt: 's3://lake/trio-denovo/child_alt.csv',
    denovoNoAlt: 's3://lake/trio-denovo/denovo_no_alt.csv',
    denovoStrict: 's3://lake/trio-denovo/denovo_strict.csv',
    counts: { child_alt: 3 },
    coverage: Object.fromEntries(
      SAMPLES.map((sample) => [sample, `s3://lake/trio-denovo/coverage/${sample}.csv`]),
    ),
    sites: 's3://lake/trio-denovo/sites.json',
    pictures: 's3://lake/trio-denovo/pileups/',
    report: 's3://lake/trio-denovo/report.html',
  });
  expect(steps()).toHaveLength(8);
  expect(steps()[0]).toBe('check inputs');
  expect(steps().slice(5)).toEqual(['view sites', 'draw pictures', 'write report']);
  expect(inputOf('view sites')).toMatchObject({
    sites: ['17:500', 'rs6'],
    denovo: 's3://lake/trio-denovo/denovo_strict.csv',
  });
  expect(inputOf('check inputs')['alignments']).toHaveLength(3);
}, 60_000);

test('without alignments nothing asks for reads; another rule has another list looked at', async () => {
  stack.script('check inputs', { succeeds: { payload: { reads: [] } } });
  const run = await stack.start(trioDenovo, { ...GENOTYPES, rule: 'noAlt' });
  expect(await run.result()).toMatchObject({ coverage: null, sites: null, pictures: null });
  expect(steps()).toEqual(['check inputs', 'find variants', 'draw pictures', 'write report']);
}, 60_000);

test('on Livy, each job is a script with ADAM beside Spark, on the contig as the BAM calls it', async () => {
  const run = await stack.start(trioDenovo, {
    ...GENOTYPES,
    ...ALIGNMENTS,
    engine: 'livy',
    region: '17:5-600',
  });
  await run.result();
  expect(steps()[1]).toBe('provide ADAM');
  const shared = {
    jars: ['s3://lake/trio-denovo/_adam/adam-1.0.jar'],
    pyFiles: ['s3://lake/jobs/trio-denovo/trio_adam.py', 's3://lake/jobs/sluice_rows.py'],
    conf: {
      'spark.serializer': 'org.apache.spark.serializer.KryoSerializer',
      'spark.kryo.registrator': 'org.bdgenomics.adam.serialization.ADAMKryoRegistrator',
    },
  };
  const options = (text: string) => text.split(' ');
  expect(parametersOf('find variants')).toEqual({
    ...shared,
    file: 's3://lake/jobs/trio-denovo/variants.py',
    args: options(
      `--genotypes s3://lake/in/trio.vcf --child ${CHILD} --father ${FATHER} --mother ${MOTHER} --contig 17 --start 5 --end 600 --rows-to s3://lake/trio-denovo/genotypes-rejected/_rows.json --stringency LENIENT --output s3://lake/trio-denovo/`,
    ),
  });
  expect(parametersOf('measure coverage 1')).toEqual({
    ...shared,
    file: 's3://lake/jobs/trio-denovo/coverage.py',
    args: options(
      `--alignments s3://lake/in/${CHILD}.bam --sample ${CHILD} --contig chr17 --start 1 --end 10000 --name coverage/${CHILD}.csv --rows-to s3://lake/trio-denovo/coverage/${CHILD}.csv-rejected/_rows.json --stringency LENIENT --output s3://lake/trio-denovo/`,
    ),
  });
  expect(inputOf('check inputs')).toMatchObject({ byName: true });
}, 60_000);

test('on EMR, a cluster with ADAM on all its nodes is made, given a step for each job, and ended', async () => {
  const run = await stack.start(trioDenovo, {
    ...{ ...GENOTYPES, ...ALIGNMENTS, engine: 'elasticmapreduce' },
    ...{ coreInstances: 2, subnet: 'subnet-1', keyName: 'me' },
  });
  await run.result();
  const cluster = parametersOf('create the cluster') as unknown as RunJobFlowCommandInput;
  expect(cluster).toMatchObject({
    ReleaseLabel: 'emr-7.5.0',
    LogUri: 's3://lake/trio-denovo/_logs/',
    ServiceRole: 'EMR_DefaultRole',
    JobFlowRole: 'EMR_EC2_DefaultRole',
    BootstrapActions: [
      {
        ScriptBootstrapAction: {
          Path: 's3://lake/trio-denovo/_adam/install-adam.sh',
          Args: ['s3://lake/trio-denovo/_adam/adam-1.0.jar'],
        },
      },
    ],
    AutoTerminationPolicy: { IdleTimeout: 3600 },
    Tags: [
      { Key: 'pipeline', Value: 'trio-denovo' },
      { Key: 'for-use-with-amazon-emr-managed-policies', Value: 'true' },
    ],
    Instances: { Ec2SubnetId: 'subnet-1', Ec2KeyName: 'me' },
  });
  expect(cluster.Instances!.InstanceGroups!.map(({ InstanceCount }) => InstanceCount)).toEqual([1, 2]);
  const { ClusterId, Step } = parametersOf('find variants') as {
    ClusterId: string;
    Step: { HadoopJarStep: { Jar: string; Args: string[] } };
  };
  expect(ClusterId).toBe('j-MADE');
  const { Jar, Args } = Step.HadoopJarStep;
  expect(Jar).toBe('command-runner.jar');
  expect(Args.slice(0, 5)).toEqual([
    'spark-submit',
    '--deploy-mode',
    'cluster',
    '--jars',
    'local:/usr/lib/adam/adam.jar',
  ]);
  expect(steps().filter((step) => step.startsWith('measure coverage'))).toHaveLength(3);
  expect(parametersOf('end the cluster')).toEqual({ ClusterId: 'j-MADE' });
}, 60_000);

test('a step that fails on a cluster ends the cluster as well', async () => {
  stack.script('find variants', { fails: 'the step broke' });
  const run = await stack.start(trioDenovo, { ...GENOTYPES, ...ALIGNMENTS, engine: 'elasticmapreduce' });
  expect(await run.failure()).toMatchObject({ step: 'find variants', code: 'JobFailed' });
  expect(steps()).not.toContain('view sites');
  expect(await run.step('end the cluster of create the cluster')).toMatchObject({ state: 'succeeded' });
}, 60_000);

test('a cluster that is given is used, and left', async () => {
  const run = await stack.start(trioDenovo, {
    ...GENOTYPES,
    engine: 'elasticmapreduce',
    clusterId: 'j-MINE',
  });
  await run.result();
  expect(parametersOf('find variants')).toMatchObject({ ClusterId: 'j-MINE' });
  expect(steps()).not.toContain('create the cluster');
  expect(steps()).not.toContain('end the cluster');
}, 60_000);

test('inputs that are wrong are refused before a run starts, all at once', async () => {
  const wrong = { ...GENOTYPES, region: '17:9-5', father: CHILD, alignments: 's3://lake/a.bam' };
  await expect(stack.start(trioDenovo, wrong)).rejects.toThrow(/alignments/);
  await expect(stack.start(trioDenovo, { ...wrong, ...ALIGNMENTS })).rejects.toThrow(
    /region: "17:9-5".*[^]*two of them are the same sample/,
  );
  await expect(stack.start(trioDenovo, { ...GENOTYPES, child: 'a/b' })).rejects.toThrow(
    '"a/b" is no name for a file',
  );
}, 60_000);
