import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { startStack, type Stack } from '../../../src/local';
import { sluice } from '../../../test/support/cli';
import { describeLong } from '../../../test/support/long';
import { projectFile, projectOf } from '../../../test/support/project';
import { connectToS3Of } from '../../../test/support/s3';
import { finishUnderKills, WorkerProcesses } from '../../../test/support/workerProcesses';
import { makeTrio } from '../samples/makeTrio';
import { portOffset } from '../../../test/support/portOffset';

/** Of each step one write or two, of several in their midst. */
const KILLED_AT =
  /trio-denovo\/(_SUCCESS|_adam\/install-adam\.sh|genotypes\/part-00000.*|denovo_no_alt\.csv|coverage\/NA19661\.csv|_views\.json|sites\.json|coverage\.svg|pileups\/17-63052581-T-A\.svg|report\.html)$/;
const STEPS = ['check inputs', 'find variants', 'view sites', 'draw pictures', 'write report'];
const SPARK_STEPS = ['find variants', 'measure coverage 1', 'measure coverage 2', 'measure coverage 3'];

// A worker is started anew a dozen times, and Spark eight times.
describeLong('a worker that is killed', () => {
  let folder: string;
  let stack: Stack;
  let s3: S3Client;
  let connection: Connection;
  const workers = new WorkerProcesses(projectFile('trio-denovo'));

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-trio-killed-'));
    stack = await startStack({
      ...{ dir: join(folder, 'stack'), portOffset: portOffset(), report: () => {} },
      ...{ ...projectOf('trio-denovo'), spark: true, worker: false, webhook: false },
    });
    s3 = connectToS3Of(stack);
    connection = await Connection.connect({ address: stack.info.temporal.address });
  }, 300_000);

  afterAll(async () => {
    workers.killAll();
    await connection?.close();
    s3?.destroy();
    await stack?.stop();
    await rm(folder, { recursive: true, force: true });
  }, 60_000);

  afterEach(() => workers.killAll());

  /** Uploads a trio of its own, and answers what a run is given. */
  async function uploadTrio(name: string, seed: number): Promise<string[]> {
    const made = await makeTrio(join(folder, name), seed);
    for (const file of [made.genotypes, ...made.alignments.flatMap((bam) => [bam, `${bam}.bai`])])
      await s3.send(
        new PutObjectCommand({
          Bucket: 'lake',
          Key: `${name}/${basename(file)}`,
          Body: await readFile(file),
        }),
      );
    const uris = made.alignments.map((file) => `s3://lake/${name}/${basename(file)}`);
    return ['-p', `genotypes=s3://lake/${name}/trio.vcf.gz`, '-p', `alignments=${uris.join(',')}`];
  }

  /** Every output by its name, but the pages of files that are no answer's. */
  async function readOutputs(): Promise<Record<string, string>> {
    const root = join(folder, 'stack/s3/lake/trio-denovo');
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
    const outputs: Record<string, string> = {};
    for (const file of files.sort()) {
      const name = relative(root, file).replace(/(?<=part-\d+)-[0-9a-f-]{36}/, '');
      outputs[name] = /_adam|genotypes|^_[^S]/.test(name) ? '' : await readFile(file, 'utf8');
    }
    return outputs;
  }

  test.each([
    ['duckdb', [] as string[]],
    ['livy', SPARK_STEPS],
  ])(
    'in the middle of every step on %s leaves what a run without a kill leaves, in the place of an earlier result',
    async (engine, sparkSteps) => {
      const env = { ...stack.info.env };
      const client = new Client({ connection });
      const startRun = async (id: string, given: string[]) => {
        const started = await sluice(['start', 'trio-denovo', '--id', id, ...given], { env });
        expect(started).toMatchObject({ code: 0, stderr: '' });
      };
      const runWhole = async (id: string, given: string[]) => {
        const worker = await workers.start(env);
        await startRun(id, given);
        await client.workflow.getHandle(id).result();
        worker.kill('SIGKILL');
      };
      const [earlier, given] = [await uploadTrio('earlier', 6), await uploadTrio('in', 5)];
      await runWhole(`earlier-${engine}`, earlier);
      const before = await readOutputs();

      const onEngine = [...given, '-p', `engine=${engine}`];
      const id = `killed-${engine}`;
      const { awaits } = await finishUnderKills(workers, client.workflow.getHandle(id), {
        ...{ env, start: () => startRun(id, onEngine) },
        ...{ killsAt: (path) => KILLED_AT.test(path), killsIn: (step) => sparkSteps.includes(step) },
      });
      for (const step of [...STEPS, ...sparkSteps])
        expect({ step, awaits: awaits[step] }).toEqual({ step, awaits: expect.any(Number) });
      expect(Math.min(...[...STEPS, ...sparkSteps].map((step) => awaits[step]!))).toBeGreaterThanOrEqual(2);

      const left = await readOutputs();
      expect(left['denovo_strict.csv']).not.toBe(before['denovo_strict.csv']);
      await runWhole(`whole-${engine}`, onEngine);
      expect(await readOutputs()).toEqual(left);
    },
    1_800_000,
  );
});
