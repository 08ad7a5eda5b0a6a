/** Worker Versioning against a real server: two builds of a project side by side. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { poolWorkflowId } from '../../../src/contracts/pools';
import { quietRuntime, startServer, startTestWorker } from '../../support/environment';
import { until } from '../../support/eventually';
import { RUNNING, ScriptedRunner, type Script } from '../../support/scriptedRunner';

const ROOT = join(__dirname, '..', '..', '..');
const DEPLOYMENT = 'etl';

let environment: TestWorkflowEnvironment;
let folder: string;
const workers: Awaited<ReturnType<typeof startTestWorker>>[] = [];
const scripts: Record<string, Partial<Script>> = { load: { states: [RUNNING] } };
const runner = new ScriptedRunner((step) => scripts[step] ?? {});

beforeAll(async () => {
  quietRuntime();
  environment = await startServer();
  folder = await mkdtemp(join(tmpdir(), 'sluice-versions-'));
  await mkdir(join(folder, 'node_modules'));
  await symlink(ROOT, join(folder, 'node_modules', 'sluice'));
}, 120_000);

afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.stop()));
  await environment?.teardown();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

/** A worker with a build of the pipeline `nightly`, whose steps after the load are others in each. */
async function startBuild(buildId: string, steps: string[]) {
  const file = join(folder, `nightly-${buildId}.ts`);
  await writeFile(
    file,
    `import { definePipeline, type Job } from 'sluice/workflow';
const job: Job = { resource: 'livy:createBatch', parameters: { file: 'noop.py' } };
export const nightly = definePipeline({ name: 'nightly', about: 'Loads the day.' }, async (run) => {
  for (const step of ${JSON.stringify(steps)}) await run.job(step, job, { pool: 'warehouse' });
  return ${JSON.stringify(buildId)};
});
`,
  );
  const worker = await startTestWorker(environment, {
    runners: { 'livy:createBatch': runner },
    files: [file],
    config: { deploymentName: DEPLOYMENT, buildId },
    limits: { warehouse: 2 },
  });
  workers.push(worker);
  return worker;
}

/** What somebody does who deploys: `temporal worker deployment set-current-version`. */
async function makeCurrent(buildId: string): Promise<void> {
  const { workflowService, options } = environment.client;
  await until(async () => {
    await workflowService.setWorkerDeploymentCurrentVersion({
      ...{ namespace: options.namespace, deploymentName: DEPLOYMENT, buildId },
    });
    return true;
  });
}

const start = (id: string) =>
  environment.client.workflow.start('nightly', { taskQueue: 'test', workflowId: id, args: [{}] });
const buildOf = async (run: Pick<WorkflowHandle, 'describe'>) =>
  (await run.describe()).raw.workflowExecutionInfo?.versioningInfo?.deploymentVersion?.buildId;
const submittedOf = (id: string) =>
  [...runner.jobs.values()].filter(({ step }) => step.startsWith(id)).map(({ step }) => step);

test('runs in flight finish on the build that began them, new ones start on the new, and pools go on with it', async () => {
  const old = await startBuild('1', ['load', 'old finish']);
  await makeCurrent('1');
  const inFlight = await start('in-flight');
  await until(() => runner.jobs.size === 1);
  expect(await buildOf(inFlight)).toBe('1');

  await startBuild('2', ['new check', 'load', 'new finish']);
  await makeCurrent('2');
  const fresh = await start('fresh');
  await until(() => runner.jobs.size === 3);
  expect(await buildOf(fresh)).toBe('2');
  expect(await buildOf(inFlight)).toBe('1');

  scripts['load'] = {};
  expect(await Promise.all([inFlight.result(), fresh.result()])).toEqual(['1', '2']);
  expect(submittedOf('old')).toEqual(['old finish']);
  expect(submittedOf('new')).toEqual(['new check', 'new finish']);

  // Nothing needs the old build any more.
  await old.stop();
  workers.shift();
  expect(await (await start('later')).result()).toBe('2');
  const pool = environment.client.workflow.getHandle(poolWorkflowId('test', 'warehouse'));
  expect(await buildOf(pool)).toBe('2');
}, 120_000);

test('a run in flight waits for its build rather than go on with another', async () => {
  scripts['load'] = { states: [RUNNING] };
  const before = runner.accepted;
  const run = await start('waits');
  // Awaited, too: an await that a worker is given in the moment that it stops is begun anew after 75 s.
  await until(() => [...runner.jobs.values()].some(({ id, polls }) => Number(id) === before && polls > 0));
  const [second] = workers.splice(0);
  await second!.stop();
  await startBuild('3', ['other']);
  await makeCurrent('3');
  scripts['load'] = {};
  expect(await (await start('third')).result()).toBe('3');
  expect((await run.describe()).status.name).toBe('RUNNING');
  await startBuild('2', ['new check', 'load', 'new finish']);
  expect(await run.result()).toBe('2');
}, 120_000);
