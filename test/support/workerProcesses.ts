import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { AsyncCompletionClient, type WorkflowHandle } from '@temporalio/client';
import { startWatchedHttp, type Write } from './watchedHttp';

const WORKER = join(__dirname, '..', '..', 'dist', 'src', 'worker.js');
/** `PENDING_ACTIVITY_STATE_STARTED` of Temporal's API. */
export const STARTED = 2;

/** Built workers as processes of their own, to be killed. */
export class WorkerProcesses {
  private readonly started: ChildProcess[] = [];

  /**
   * @param configFile of the project
   * @param logFile where all that they say is kept; without it, they say nothing
   */
  constructor(
    private readonly configFile: string,
    private readonly logFile?: string,
  ) {}

  /** Resolves when the worker polls. */
  start(env: NodeJS.ProcessEnv): Promise<ChildProcess> {
    const log = this.logFile === undefined ? null : openSync(this.logFile, 'a');
    const SLUICE_LOG_LEVEL = log === null ? 'silent' : 'trace';
    const worker = spawn(process.execPath, [WORKER, '--config', this.configFile], {
      env: { ...process.env, ...env, SLUICE_METRICS_PORT: '', SLUICE_LOG_LEVEL },
      stdio: ['ignore', log ?? 'ignore', log ?? 'ignore', 'ipc'],
    });
    if (log !== null) closeSync(log);
    this.started.push(worker);
    return new Promise((resolve, reject) => {
      worker.once('message', () => resolve(worker));
      worker.once('exit', (code) => reject(new Error(`the worker ended with ${code}`)));
    });
  }

  killAll(): void {
    for (const worker of this.started) worker.kill('SIGKILL');
  }
}

/**
 * Kills a worker, and tells the server at once what it would find out by its time-outs: that nobody works on these runs any
 * more. The activities that the worker had are started again as after a heartbeat that did not come.
 */
export async function killWorker(worker: ChildProcess, runs: readonly WorkflowHandle[]): Promise<void> {
  if (worker.exitCode !== null) throw new Error(`the worker ended by itself, with ${worker.exitCode}`);
  const gone = once(worker, 'exit');
  worker.kill('SIGKILL');
  await gone;
  await Promise.all(runs.map((run) => giveUpWorker(run, worker.pid!)));
}

/** Fails what the worker of this process id was at. */
export async function giveUpWorker({ client, workflowId }: WorkflowHandle, pid: number): Promise<void> {
  const { workflowService, connection } = client;
  const { namespace } = client.options;
  const run = { namespace, execution: { workflowId } };
  await workflowService.resetStickyTaskQueue(run);
  const { pendingActivities } = await workflowService.describeWorkflowExecution(run);
  const activities = new AsyncCompletionClient({ connection, namespace });
  for (const { activityId, state, lastWorkerIdentity } of pendingActivities) {
    if (Number(state) !== STARTED || !lastWorkerIdentity?.startsWith(`${pid}@`)) continue;
    await activities.fail({ workflowId, activityId: activityId! }, new Error('the worker was killed'));
  }
}

export interface KilledRun {
  env: NodeJS.ProcessEnv;
  start: () => Promise<void>;
  /** Whether a write of this path may: work whose worker died six times is given up. Default all. */
  killsAt?: (path: string) => boolean;
  /** Whether the worker ends once, too, while it awaits a job of this step elsewhere, where it writes nothing. Default none. */
  killsIn?: (step: string) => boolean;
}

const AWAIT_INTERVAL_MS = 200;

/**
 * Runs a pipeline while its worker is killed at every write: S3 has done it, and the worker does not
 * hear of it. The note that a local job has ended is left out, since its next await finds it and does nothing.
 *
 * @returns what was written, in order, and how often each await was started, by its step
 */
export async function finishUnderKills(
  workers: WorkerProcesses,
  handle: WorkflowHandle,
  { env, start, killsAt = () => true, killsIn = () => false }: KilledRun,
): Promise<{ writes: Write[]; awaits: Record<string, number> }> {
  let worker: ChildProcess;
  let replacing: Promise<void> | null = null;
  let fail: (error: unknown) => void;
  const failed = new Promise<never>((_, reject) => (fail = reject));
  // It may come while nobody waits for it.
  failed.catch(() => {});
  const replaceWorker = async () => {
    await killWorker(worker, [handle]);
    worker = await workers.start(workerEnv);
  };
  // What the same worker does side by side dies with it.
  const replaceOnce = () =>
    (replacing ??= replaceWorker()
      .catch((error: unknown) => fail(error))
      .finally(() => (replacing = null)));
  const s3 = await startWatchedHttp(env['AWS_ENDPOINT_URL_S3']!, async ({ path }) => {
    if (path.includes('/.jobs/') || !killsAt(path)) return;
    await replaceOnce();
  });
  const killInAwaits = async (isOver: () => boolean) => {
    const killed = new Set<string>();
    while (!isOver()) {
      const steps = (await readAwaited(handle)).filter((step) => killsIn(step) && !killed.has(step));
      if (steps.length > 0) await replaceOnce();
      for (const step of steps) killed.add(step);
      await new Promise((resolve) => setTimeout(resolve, AWAIT_INTERVAL_MS));
    }
  };
  const workerEnv = { ...env, AWS_ENDPOINT_URL_S3: s3.endpoint };
  try {
    worker = await workers.start(workerEnv);
    await start();
    let isOver = false;
    const killing = killInAwaits(() => isOver);
    await Promise.race([handle.result(), failed, killing]).finally(() => (isOver = true));
    await killing;
    await killWorker(worker, []);
    return { writes: s3.writes, awaits: await countAwaits(handle) };
  } finally {
    await s3.stop();
  }
}

/** The steps whose jobs are awaited at this moment. */
async function readAwaited(handle: WorkflowHandle): Promise<string[]> {
  const { raw } = await handle.describe();
  const started = (raw.pendingActivities ?? []).filter(({ state }) => Number(state) === STARTED);
  if (started.length === 0) return [];
  const steps = new Map<string, string>();
  for (const event of (await handle.fetchHistory()).events ?? []) {
    const { activityTaskScheduledEventAttributes: scheduled } = event;
    if (scheduled?.activityType?.name === 'awaitJob') steps.set(scheduled.activityId!, stepOf(event));
  }
  return started.flatMap(({ activityId }) => steps.get(activityId!) ?? []);
}

type HistoryEvent = NonNullable<Awaited<ReturnType<WorkflowHandle['fetchHistory']>>['events']>[number];

function stepOf({ userMetadata }: HistoryEvent): string {
  const summary = JSON.parse(Buffer.from(userMetadata!.summary!.data!).toString()) as string;
  return summary.replace(/^await /, '');
}

/** How often the await of each job was started, by the step's name, from the history. */
async function countAwaits(handle: WorkflowHandle): Promise<Record<string, number>> {
  const { events } = await handle.fetchHistory();
  const steps = new Map<string, string>();
  const counts: Record<string, number> = {};
  for (const event of events ?? []) {
    const { activityTaskScheduledEventAttributes: scheduled, activityTaskStartedEventAttributes: started } =
      event;
    if (scheduled?.activityType?.name === 'awaitJob') steps.set(String(event.eventId), stepOf(event));
    const step = started && steps.get(String(started.scheduledEventId));
    if (step) counts[step] = started.attempt!;
  }
  return counts;
}
