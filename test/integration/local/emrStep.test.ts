/** An EMR step on a real Livy and Spark. */
import { writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { runnersOf } from '../../support/runners';
import { createJobActivities } from '../../../src/activities/jobs';
import { LocalEmrStepRunner } from '../../../src/engines/emrStep';
import { createLivyPort, LivyRunner } from '../../../src/runners/livy/runner';
import { LocalLivyRunner } from '../../../src/engines/localSpark';
import type { AwaitDetails, Submission } from '../../../src/contracts/activities';
import { ensureLivyAndSpark, freePort, Processes, startLivy } from '../../../src/local';
import { quietRuntime } from '../../support/environment';

let folder: string;
let url: string;
const processes = new Processes();

beforeAll(async () => {
  quietRuntime();
  folder = await mkdtemp(join(tmpdir(), 'sluice-test-emr-'));
  await mkdir(join(folder, 's3', 'lake', 'jobs'), { recursive: true });
  const port = await freePort();
  await startLivy({
    tools: await ensureLivyAndSpark({ env: process.env, report: () => {} }),
    env: process.env,
    port,
    folder: join(folder, 'livy'),
    allowedFolders: [join(folder, 's3')],
    logs: folder,
    processes,
  });
  url = `http://127.0.0.1:${port}`;
}, 300_000);

afterAll(async () => {
  await processes.stop();
  await rm(folder, { recursive: true, force: true });
});

test('runs the script with its options and arguments, with folders for buckets, and tells how far it says that it is', async () => {
  const script = `import os, sys, time
print('Sluice progress: {"tasks": 3, "of": 8}', file=sys.stderr, flush=True)
while not os.path.exists(${JSON.stringify(join(folder, 'seen'))}):
    time.sleep(0.05)
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
with open(sys.argv[1].replace("file://", ""), "w") as out:
    out.write(spark.conf.get("spark.sluice.test") + " " + str(spark.range(5).count()) + " " + sys.argv[2])
`;
  await writeFile(join(folder, 's3', 'lake', 'jobs', 'count.py'), script);
  const submission: Submission = {
    job: {
      resource: 'elasticmapreduce:addStep',
      parameters: {
        ClusterId: 'j-ANY',
        Step: {
          Name: 'count',
          HadoopJarStep: {
            Jar: 'command-runner.jar',
            Args: [
              ...['spark-submit', '--deploy-mode', 'cluster', '--conf', 'spark.sluice.test=yes'],
              ...['s3://lake/jobs/count.py', 's3://lake/out.txt', '--conf'],
            ],
          },
        },
      },
    },
    key: 'run/count/1',
    run: 'run',
    step: 'count',
  };
  const runner = new LocalEmrStepRunner(
    new LocalLivyRunner(new LivyRunner(createLivyPort(url), url), join(folder, 's3')),
  );
  const activities = createJobActivities({
    runners: runnersOf({ 'elasticmapreduce:addStep': runner }),
    pollMinMs: 200,
    pollMaxMs: 1000,
    retryForMs: 60_000,
    credentialsForMs: 3_600_000,
    stuckAfterMs: Infinity,
    tellRun: () => Promise.resolve(),
    readHistoryBytes: () => Promise.resolve(0),
  });
  const inActivity = <T>(act: () => Promise<T>): Promise<T> => {
    const environment = new MockActivityEnvironment({ heartbeatTimeoutMs: 1000 });
    environment.on('heartbeat', (details?: AwaitDetails) => {
      if (details?.progress === undefined) return;
      expect(details).toMatchObject({ step: 'count', progress: { tasks: 3, of: 8 } });
      writeFileSync(join(folder, 'seen'), '');
    });
    const outcome: Promise<T> = environment.run(act);
    return outcome;
  };
  const reference = await inActivity(() => activities.submitJob(submission));
  const result = await inActivity(() => activities.awaitJob(submission, reference));
  expect(result).toMatchObject({ resource: 'elasticmapreduce:addStep', externalId: reference.externalId });
  expect(await readFile(join(folder, 's3', 'lake', 'out.txt'), 'utf8')).toBe('yes 5 --conf');
}, 180_000);
