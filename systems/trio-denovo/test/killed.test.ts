import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { startStack, type Stack } from '../../../src/local';
import { sluice } from '../../../test/support/cli';
import { describeLong } from '../../../test/support/long';
import { WITH_SYSTEMS } from '../../../test/support/project';
import { connectToS3Of } from '../../../test/support/s3';
import { finishUnderKills, WorkerProcesses } from '../../../test/support/workerProcesses';
import { makeTrio, type MadeTrio } from '../samples/makeTrio';

/** Of each step one write or two, of several in their midst. */
const KILLED_AT =
  /trio-denovo\/(_SUCCESS|genotypes\/part-00000.*|denovo_no_alt\.csv|coverage\/NA19661\.csv|_views\.json|sites\.json|coverage\.svg|pileups\/17-63052581-T-A\.svg|report\.html)$/;

// A worker is started anew a dozen times.
describeLong('a worker that is killed', () => {
  let folder: string;
  let stack: Stack;
  let s3: S3Client;
  let connection: Connection;
  let made: MadeTrio;
  const workers = new WorkerProcesses();

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-trio-killed-'));
    stack = await startStack({
      ...{ dir: join(folder, 'stack'), portOffset: 16_100, report: () => {} },
      ...{ ...WITH_SYSTEMS, spark: false, worker: false, webhook: false },
    });
    s3 = connectToS3Of(stack);
    connection = await Connection.connect({ address: stack.info.temporal.address });
    made = await makeTrio(join(folder, 'made'), 5);
    for (const file of [made.genotypes, ...made.alignments.flatMap((bam) => [bam, `${bam}.bai`])])
      await s3.send(
        new PutObjectCommand({ Bucket: 'lake', Key: `in/${basename(file)}`, Body: await readFile(file) }),
      );
  }, 300_000);

  afterAll(async () => {
    workers.killAll();
    await connection?.close();
    s3?.destroy();
    await stack?.stop();
    await rm(folder, { recursive: true, force: true });
  }, 60_000);

  test('in the middle of every step leaves what a run without a kill leaves', async () => {
    const env = { ...stack.info.env };
    const uris = made.alignments.map((file) => `s3://lake/in/${basename(file)}`);
    const given = ['-p', 'genotypes=s3://lake/in/trio.vcf.gz', '-p', `alignments=${uris.join(',')}`];
    const startRun = async (id: string) => {
      const started = await sluice(['start', 'trio-denovo', '--id', id, ...given], { env });
      expect(started).toMatchObject({ code: 0, stderr: '' });
    };
    const { awaits } = await finishUnderKills(
      workers,
      new Client({ connection }).workflow.getHandle('killed'),
      {
        env,
        start: () => startRun('killed'),
        killsAt: (path) => KILLED_AT.test(path),
      },
    );
    const steps = ['check inputs', 'find variants', 'view sites', 'draw pictures', 'write report'];
    for (const step of steps)
      expect({ step, awaits: awaits[step] }).toEqual({ step, awaits: expect.any(Number) });
    expect(Math.min(...steps.map((step) => awaits[step]!))).toBeGreaterThanOrEqual(2);

    const names = [
      ...['child_alt.csv', 'denovo_no_alt.csv', 'denovo_strict.csv', 'sites.json', 'report.html', '_SUCCESS'],
      'coverage/NA19685.csv',
    ];
    const read = () =>
      Promise.all(names.map((name) => readFile(join(folder, 'stack/s3/lake/trio-denovo', name), 'utf8')));
    const left = await read();
    const worker = await workers.start(env);
    await startRun('whole');
    await new Client({ connection }).workflow.getHandle('whole').result();
    worker.kill('SIGKILL');
    expect(await read()).toEqual(left);
  }, 1_200_000);
});
