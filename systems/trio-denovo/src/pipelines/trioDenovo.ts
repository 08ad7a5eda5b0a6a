import {
  definePipeline,
  field,
  joinFolder,
  joinLocation,
  parseS3Uri,
  task,
  type Arrival,
  type InputOf,
  type Job,
  type Run,
} from 'sluice/workflow';
import type { CheckedTrio, checkTrio, SampleReads } from '../tasks/checkTrio';
import type { drawPictures } from '../tasks/drawPictures';
import type { findVariants } from '../tasks/findVariants';
import type { measureCoverage } from '../tasks/measureCoverage';
import type { provideAdam } from '../tasks/provideAdam';
import type { viewSites } from '../tasks/viewSites';
import type { writeReport } from '../tasks/writeReport';
import { formatRegion, parseRegion } from '../vcf/region';
import { createCluster, NODE_JAR } from './_cluster';

export interface TrioDenovoResult {
  childAlt: string;
  denovoNoAlt: string;
  denovoStrict: string;
  /** How many variants each of the three has, by the name of its file. */
  counts: Record<string, number>;
  /** CSV by sample; null without alignments, as the next two. */
  coverage: Record<string, string> | null;
  sites: string | null;
  pictures: string | null;
  report: string;
}

const alignments = field.value(
  (value): value is string | string[] => {
    const list = listOf(value);
    return list.length === 3 && list.every((uri) => /[^/*?]$/.test(parseS3Uri(uri)?.key ?? ''));
  },
  {
    about: 'three BAMs with an index beside each; without them the reads are not looked at',
    needs:
      'three BAMs in S3, with a comma between them: s3://lake/child.bam,s3://lake/father.bam,s3://lake/mother.bam',
    optional: true,
  },
);

const INPUT = {
  lake: field.s3({ about: 'the bucket that the pipeline writes', default: 's3://lake' }),
  genotypes: field.object({ about: 'a VCF 4 with the genotypes of the three, plain, gzip or bgzip' }),
  child: field.text({ about: 'the name of the sample in the VCF', default: 'NA19685' }),
  father: field.text({ about: 'the name of the sample in the VCF', default: 'NA19661' }),
  mother: field.text({ about: 'the name of the sample in the VCF', default: 'NA19660' }),
  region: field.text({ about: 'a contig, or a stretch of it: 17 or 17:5000-60000', default: '17' }),
  alignments,
  engine: field.choice(['duckdb', 'livy', 'elasticmapreduce'], {
    about: 'where variants and coverage are computed: by the worker, or by ADAM on Spark',
    default: 'duckdb',
  }),
  rule: field.choice(['strict', 'noAlt'], {
    about:
      'which de novo variants are looked at: those of called reference parents, or of parents without the variant',
    default: 'strict',
  }),
  sites: field.text({
    about:
      'what is looked at instead of the first ten: positions such as 17:63052581 or names, with a comma between',
    optional: true,
  }),
  window: field.integer({
    about: 'bases on both sides of a site that its picture shows',
    most: 200,
    default: 25,
  }),
  minReads: field.integer({ about: 'reads that each of the three needs at a site', least: 1, default: 8 }),
  coverageBin: field.integer({
    about: 'depths are rounded down to it in the picture of the coverage; the published one has 10',
    least: 1,
    default: 1,
  }),
  stringency: field.choice(['STRICT', 'LENIENT', 'SILENT'], {
    about: 'what ADAM makes of records that are not as they should be',
    default: 'LENIENT',
  }),
  maxBadShare: field.share({
    about: 'fail when more of the records cannot be read, with engine=duckdb',
    default: 1,
  }),
  within: field.duration({ about: 'how long the files are waited for', default: '7 days' }),
  scripts: field.location({
    about: 'where the folder jobs/ of this project was uploaded to, for ADAM',
    default: 's3://lake/jobs',
  }),
  clusterId: field.text({
    about: 'an EMR cluster that is there; without it one is made for the run, and ended',
    optional: true,
  }),
  release: field.text({
    about: 'the EMR release of a cluster that is made: Spark 3, Scala 2.12',
    default: 'emr-7.5.0',
  }),
  instanceType: field.text({ about: 'of a cluster that is made', default: 'm5.xlarge' }),
  coreInstances: field.integer({
    about: 'of a cluster that is made, beside its primary one',
    least: 1,
    default: 4,
  }),
  serviceRole: field.text({ about: 'of a cluster that is made', default: 'EMR_DefaultRole' }),
  instanceProfile: field.text({ about: 'of a cluster that is made', default: 'EMR_EC2_DefaultRole' }),
  subnet: field.text({ about: 'of a cluster that is made', optional: true }),
  keyName: field.text({ about: 'an EC2 key pair for ssh to a cluster that is made', optional: true }),
};
type TrioDenovoInput = InputOf<typeof INPUT>;

/** Everything in the bucket counts as arrived, however old it is. */
const EVER = '1970-01-01T00:00:00Z';

/**
 * Wait for the files, look at them, find the child's variants and those that no parent has beside the coverage of the reads,
 * look at the sites in the reads, draw, report.
 */
export const trioDenovo = definePipeline(
  {
    name: 'trio-denovo',
    about: "Finds a child's own variants in a VCF of a trio, and what the reads say of them.",
    input: INPUT,
    findProblems: ({ region, child, father, mother, sites, genotypes }) => [
      ...(parseRegion(region) === null
        ? [`region: "${region}"; give a contig or a stretch of it, such as 17 or 17:5000-60000`]
        : []),
      ...(new Set([child, father, mother]).size < 3
        ? ['child, father, mother: two of them are the same sample; give three']
        : []),
      ...[child, father, mother].flatMap((sample) =>
        /^[^/\\,"'\s]+$/.test(sample)
          ? []
          : [`child, father, mother: "${sample}" is no name for a file; rename the sample in VCF and BAM`],
      ),
      ...(/[*?]/.test(genotypes) ? [`genotypes: "${genotypes}"; give one object, without wildcards`] : []),
      ...(listOf(sites).length > 200 ? ['sites: more than 200 are no views for people; give fewer'] : []),
    ],
    resources: ['livy:createBatch', 'elasticmapreduce:createCluster', 'elasticmapreduce:addStep'],
  },
  async (run, input): Promise<TrioDenovoResult> => {
    const { child, father, mother, region, engine, rule, minReads } = input;
    const trio = { child, father, mother };
    const output = joinFolder(input.lake, 'trio-denovo');
    const at = (name: string) => joinLocation(output, name);
    const { genotypes, objects } = await waitForFiles(run, input);

    const { payload } = await run.job(
      'check inputs',
      task<typeof checkTrio>('check-trio', {
        ...{ genotypes, alignments: objects, ...trio, region, output },
        byName: engine !== 'duckdb',
      }),
    );
    const { reads } = payload as CheckedTrio;
    const jobs = await prepareEngine(run, input, output);
    await run.parallel({
      variants: (branch) => branch.job('find variants', jobs.variants(genotypes)),
      ...(reads.length === 0
        ? {}
        : { coverage: (branch: Run) => branch.mapJobs('measure coverage', reads, jobs.coverage) }),
    });
    await jobs.end();

    if (reads.length > 0)
      await run.job(
        'view sites',
        task<typeof viewSites>('view-sites', {
          ...{ reads, output, minReads, window: input.window, sites: listOf(input.sites) },
          ...{
            denovo: at(`${rule === 'strict' ? 'denovo_strict' : 'denovo_no_alt'}.csv`),
            childAlt: at('child_alt.csv'),
          },
        }),
      );
    const samples = reads.map(({ sample }) => sample);
    await run.job(
      'draw pictures',
      task<typeof drawPictures>('draw-pictures', { samples, bin: input.coverageBin, output }),
    );
    const written = await run.job(
      'write report',
      task<typeof writeReport>('write-report', {
        ...{ ...trio, region, engine, rule, samples, minReads, output },
        ...{ title: `Variants of ${child} that are new in the family`, genotypes: input.genotypes },
      }),
    );
    const hasReads = reads.length > 0;
    return {
      childAlt: at('child_alt.csv'),
      denovoNoAlt: at('denovo_no_alt.csv'),
      denovoStrict: at('denovo_strict.csv'),
      counts: (written.payload as { counts: Record<string, number> }).counts,
      coverage: hasReads
        ? Object.fromEntries(samples.map((sample) => [sample, at(`coverage/${sample}.csv`)]))
        : null,
      sites: hasReads ? at('sites.json') : null,
      pictures: hasReads ? joinFolder(output, 'pileups') : null,
      report: at('report.html'),
    };
  },
);

function listOf(value: unknown): string[] {
  const list =
    typeof value === 'string' ? value.split(',') : Array.isArray(value) ? (value as unknown[]) : [];
  return list.map((item) => String(item).trim()).filter((item) => item !== '');
}

type Pinned = Pick<Arrival, 'bucket' | 'key'> & { versionId?: string; etag?: string };

async function waitForFiles(
  run: Run,
  { genotypes, alignments: given, within }: TrioDenovoInput,
): Promise<{ genotypes: Pinned; objects: Pinned[] }> {
  const reads = listOf(given);
  const wait = async (branch: Run, name: string, uri: string): Promise<Pinned> => {
    const [object] = await branch.waitForArrivals(name, uri, { within, since: EVER });
    const { bucket, key, versionId, etag } = object;
    return { bucket, key, ...(versionId ? { versionId } : {}), ...(etag ? { etag } : {}) };
  };
  const found = await run.group('wait for data', (group) =>
    group.parallel({
      genotypes: (branch) => wait(branch, 'wait for genotypes', genotypes),
      ...Object.fromEntries(
        reads.map((uri, i) => [
          `alignments ${i + 1}`,
          (branch: Run) => wait(branch, `wait for alignments ${i + 1}`, uri),
        ]),
      ),
    }),
  );
  const byName: Record<string, Pinned> = found;
  return { genotypes: found.genotypes, objects: reads.map((_, i) => byName[`alignments ${i + 1}`]!) };
}

interface EngineJobs {
  variants: (genotypes: Pinned) => Job;
  coverage: (reads: SampleReads) => Job;
  end: () => Promise<void>;
}

/** Spark keeps to itself what ADAM brings, unless it is told so: https://github.com/bigdatagenomics/adam#readme */
const CONF = {
  'spark.serializer': 'org.apache.spark.serializer.KryoSerializer',
  'spark.kryo.registrator': 'org.bdgenomics.adam.serialization.ADAMKryoRegistrator',
};

async function prepareEngine(run: Run, input: TrioDenovoInput, output: string): Promise<EngineJobs> {
  const { child, father, mother, region, engine, stringency, maxBadShare } = input;
  const at = (name: string) => joinLocation(output, name);
  const coverageOf = (sample: string) => `coverage/${sample}.csv`;
  if (engine === 'duckdb')
    return {
      variants: (genotypes) =>
        task<typeof findVariants>('find-variants', {
          ...{ genotypes, child, father, mother, region, output, maxBadShare },
        }),
      coverage: (reads) =>
        task<typeof measureCoverage>('measure-coverage', { ...reads, output: at(coverageOf(reads.sample)) }),
      end: () => Promise.resolve(),
    };

  const jar = at('_adam/adam-1.0.jar');
  const bootstrap = at('_adam/install-adam.sh');
  await run.job('provide ADAM', task<typeof provideAdam>('provide-adam', { jar, bootstrap }));
  const [clusterId, jars] =
    engine === 'elasticmapreduce' && input.clusterId === undefined
      ? [await createCluster(run, input, { jar, bootstrap }), NODE_JAR]
      : [input.clusterId, jar];
  const modules = [
    joinLocation(input.scripts, 'trio-denovo', 'trio_adam.py'),
    joinLocation(input.scripts, 'sluice_rows.py'),
  ];
  const spark = (step: string, name: string, options: Record<string, string | number>): Job => {
    const file = joinLocation(input.scripts, 'trio-denovo', name);
    const args = Object.entries({ ...options, stringency, output }).flatMap(([option, value]) => [
      `--${option}`,
      String(value),
    ]);
    if (engine === 'livy')
      return {
        resource: 'livy:createBatch',
        parameters: { file, args, jars: [jars], pyFiles: modules, conf: CONF },
      };
    const conf = Object.entries(CONF).flatMap(([option, value]) => ['--conf', `${option}=${value}`]);
    const submit = [
      'spark-submit',
      '--deploy-mode',
      'cluster',
      '--jars',
      jars,
      '--py-files',
      modules.join(','),
      ...conf,
    ];
    const HadoopJarStep = { Jar: 'command-runner.jar', Args: [...submit, file, ...args] };
    return {
      resource: 'elasticmapreduce:addStep',
      parameters: {
        ClusterId: clusterId!,
        Step: { Name: step, ActionOnFailure: 'CONTINUE', HadoopJarStep },
      },
    };
  };
  const { contig, start, end } = parseRegion(region)!;
  const rows = (name: string) => ({ 'rows-to': at(`${name}-rejected/_rows.json`) });
  return {
    variants: ({ bucket, key }) =>
      spark(`variants of ${child} in ${formatRegion({ contig, start, end })}`, 'variants.py', {
        ...{ genotypes: `s3://${bucket}/${key}`, child, father, mother, contig, start },
        ...(end === null ? {} : { end }),
        ...rows('genotypes'),
      }),
    coverage: (reads) =>
      spark(`coverage of ${reads.sample}`, 'coverage.py', {
        ...{ alignments: `s3://${reads.object.bucket}/${reads.object.key}`, sample: reads.sample },
        ...{ contig: reads.contig, start: reads.start, end: reads.end, name: coverageOf(reads.sample) },
        ...rows(coverageOf(reads.sample)),
      }),
    end: async () => {
      if (engine === 'elasticmapreduce' && input.clusterId === undefined)
        await run.job('end the cluster', {
          resource: 'elasticmapreduce:terminateCluster',
          parameters: { ClusterId: clusterId! },
        });
    },
  };
}
