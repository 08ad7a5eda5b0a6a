import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Worker, WorkflowBundle } from '@temporalio/worker';
import { createAcceptArrivals } from '../arrivals/acceptArrivals';
import { findRetried, readRunHistory, startRetry } from '../activities/earlier';
import { addTrigger } from '../arrivals/triggers';
import type { RunMemo } from '../contracts/messages';
import { SluiceError } from '../errors';
import { cacheFolder } from '../local';
import { parseInput, type Arrival } from '../pipelines';
import { parseDuration } from '../pipelines/duration';
import { parseS3Uri } from '../pipelines/location';
import { readConfig, type Config } from '../setup/config';
import { bundlePipelines } from '../worker/bundlePipelines';
import { createWorker } from '../worker/createWorker';
import { findBundleCache } from '../worker/keptBundle';
import type { AnyPipeline, RunOptions } from '../workflows/steps';
import type { JobScripts } from './jobScript';
import { S3Double, type S3Refusal } from './s3Double';
import { ScriptedJobs } from './scriptedJobs';
import { StackActivities } from './stackActivities';
import { StackClock } from './stackClock';
import { createStackRunners } from './stackRunners';
import { StackRun, type StackTime } from './stackRun';
import type {
  ArrivingObject,
  RetryOptions,
  SubmittedJob,
  TestRun,
  TestStack,
  TestStackOptions,
} from './testStack';
import { TimeSkippingServer, type OpenWorkflow } from './timeSkippingServer';

const LAKE = 'lake';
/** How soon it is looked again whether anything goes on, at first, and later of what takes longer. */
const LOOK_AGAIN_MS = 10;
const LOOK_AGAIN_MAX_MS = 60;

/** Longer than a workflow takes for what it is told. */
const DUE_MS = 1_000;

/**
 * Starts what the tests of pipelines run on: Temporal's time-skipping server, a worker with the pipelines, an S3 in memory,
 * and services that do with each job what its script says. A process has one server, so stacks that are used side by side
 * skip each other's time; a stack for each test file is enough.
 * @throws SluiceError InvalidPipeline for a file that cannot be used, MissingTool when the server cannot be installed
 */
export async function createTestStack(options: TestStackOptions): Promise<TestStack> {
  const files = options.pipelines.map(fileOf);
  const server = await TimeSkippingServer.start(`test-${randomUUID()}`);
  try {
    const clock = new StackClock(() => server.currentTimeMs());
    await clock.refresh();
    const jobs = new ScriptedJobs(clock.now);
    for (const [of, script] of Object.entries(options.jobs ?? {})) jobs.set(of, script);
    const activities = new StackActivities(server, clock, jobs);
    const s3 = new S3Double([LAKE, ...(options.buckets ?? [])], clock.now);
    const config: Config = {
      ...readConfig({}),
      ...{ taskQueue: 'test', pollMinMs: 1, pollMaxMs: 20 },
      listEveryMs: durationMs(options.listEvery ?? '6 hours'),
    };
    const worker = await createWorker({
      connection: server.nativeConnection,
      namespace: server.namespace,
      activities: {
        ...{ config, client: server.client, s3: s3.client, searchAttributes: false },
        runners: createStackRunners(options, jobs),
        ...{ tasks: options.tasks ?? [], jobsFolders: options.jobsFolders ?? [], isScripted: true },
      },
      workflows: { workflowBundle: await bundle(files) },
      interceptors: { activity: [activities.interceptor] },
    });
    return new Stack(options.pipelines, { server, clock, jobs, activities, s3, config, worker });
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** @throws TypeError for a pipeline of which it is not known where it is from */
function fileOf({ description, file }: AnyPipeline): string {
  if (file !== null) return file;
  throw new TypeError(`${description.name}: where the pipeline is defined is not known; define it in a file`);
}

/** Kept between runs of the tests, with those of workers where there are any. */
async function bundle(files: readonly string[]): Promise<WorkflowBundle> {
  const kept = await findBundleCache(files[0] ?? process.cwd());
  return bundlePipelines({ files, cacheFolder: kept ?? join(cacheFolder(process.env), 'test-bundles') });
}

/** @throws SluiceError InvalidInput */
function durationMs(duration: string): number {
  const parsed = parseDuration(duration);
  if (parsed !== null) return parsed;
  throw new SluiceError('InvalidInput', `"${duration}" is no duration; give one such as "6 days"`);
}

/** @throws SluiceError InvalidInput for what is no object */
function objectOf(uri: string): { bucket: string; key: string } {
  const object = parseS3Uri(uri);
  if (object !== null && object.key !== '') return object;
  throw new SluiceError('InvalidInput', `${uri} is no object; give one such as s3://lake/days/a.csv`);
}

interface Parts {
  server: TimeSkippingServer;
  clock: StackClock;
  jobs: ScriptedJobs;
  activities: StackActivities;
  s3: S3Double;
  config: Config;
  worker: Worker;
}

class Stack implements TestStack, StackTime {
  private readonly working: Promise<void>;
  private runs = 0;
  private events = 0;
  /** The second that an object was last written in, since 1970. */
  private writtenAtSecond = 0;

  constructor(
    private readonly pipelines: readonly AnyPipeline[],
    private readonly parts: Parts,
  ) {
    this.working = parts.worker.run();
  }

  async start(
    pipeline: AnyPipeline,
    input: Record<string, unknown> = {},
    { id, ...runOptions }: RunOptions & { id?: string } = {},
  ): Promise<TestRun<never>> {
    const { name } = pipeline.description;
    parseInput(pipeline.description, input);
    await this.passSecond();
    await this.letDueFire();
    const memo: RunMemo = { pipeline: name };
    const handle = await this.parts.server.client.workflow.start(name, {
      taskQueue: this.parts.config.taskQueue,
      workflowId: id ?? `${name}-${++this.runs}`,
      args: [input, runOptions],
      memo: { ...memo },
    });
    await this.settle();
    return new StackRun(handle, this);
  }

  async retry<Result>(
    run: TestRun<Result>,
    { from = [], redo = [], input = {} }: RetryOptions = {},
  ): Promise<TestRun<Result>> {
    const { server, config } = this.parts;
    const { description, root, nextId } = await findRetried(server.client, run.id);
    const { workflowId: id, runId } = description;
    await this.letDueFire();
    const history = await readRunHistory(server.client, { id, runId });
    const changed = { ...(history.input as object), ...input };
    const retry = { history, root, nextId, input: changed, taskQueue: config.taskQueue, from, redo };
    const handle = await startRetry(server.client, retry);
    await this.settle();
    return new StackRun(handle, this);
  }

  async startOnArrival({ description }: AnyPipeline, given: Record<string, unknown> = {}): Promise<void> {
    const input = parseInput<Record<string, unknown>>(description, given);
    const patterns = description.startedBy?.(input) ?? [];
    if (patterns.length === 0)
      throw new SluiceError('InvalidInput', `${description.name}: no arrival starts it; give it startedBy`);
    const { server, config } = this.parts;
    await this.passSecond();
    await this.letDueFire();
    const since = (await this.now()).toISOString();
    for (const pattern of patterns)
      await addTrigger(server.client, config, { pipeline: description.name, input: given, pattern, since });
    await this.settle();
  }

  async runsOf({ description }: AnyPipeline): Promise<TestRun<never>[]> {
    await this.settle();
    const handles = await this.parts.server.workflowsOf(description.name);
    return handles.map((handle) => new StackRun(handle, this) as TestRun<never>);
  }

  script(of: string, script: JobScripts): void {
    this.parts.jobs.set(of, script);
  }

  async arrive(uri: string, object: ArrivingObject = {}): Promise<void> {
    const { server, config } = this.parts;
    await this.letDueFire();
    const arrival = await this.store(uri, object);
    const pipelines = this.pipelines.map(({ description }) => description);
    // Made anew, since it remembers for some seconds of the machine who waits on nothing.
    await createAcceptArrivals(server.client, { ...config, pipelines })([arrival]);
    await this.settle();
  }

  async put(uri: string, object: ArrivingObject = {}): Promise<void> {
    await this.store(uri, object);
  }

  refuseS3(code: S3Refusal | null, requests: 'all' | 'writes' = 'all'): void {
    this.parts.s3.refuse(code, requests);
  }

  read(uri: string): string | null {
    const { bucket, key } = objectOf(uri);
    return this.parts.s3.get(bucket, key)?.toString() ?? null;
  }

  async now(): Promise<Date> {
    return new Date(await this.parts.server.currentTimeMs());
  }

  async skip(duration: string): Promise<void> {
    await this.skipMs(durationMs(duration));
  }

  submissions(of: string): number {
    return this.parts.jobs.of(of).filter(({ accepted }) => accepted).length;
  }

  stops(of: string): number {
    return this.parts.jobs.of(of).filter(({ stopped }) => stopped).length;
  }

  get submitted(): readonly SubmittedJob[] {
    return this.parts.jobs.submitted;
  }

  get notifications() {
    return this.parts.activities.notifications;
  }

  async stop(): Promise<void> {
    const { server, worker } = this.parts;
    await server.terminateAll();
    worker.shutdown();
    await this.working;
    await server.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async settle(): Promise<void> {
    let pauseMs = LOOK_AGAIN_MS;
    while (this.isAtWork() || !(await this.isQuiet())) {
      await pause(pauseMs);
      pauseMs = Math.min(pauseMs * 1.2, LOOK_AGAIN_MAX_MS);
    }
  }

  /** What the worker is at is known without a look at the server. */
  private isAtWork(): boolean {
    const { worker, activities } = this.parts;
    return activities.atWork > 0 || worker.getStatus().numInFlightWorkflowActivations > 0;
  }

  /** Looked at twice where something has happened, since what one workflow did may be for another that was looked at before. */
  private async isQuiet(): Promise<boolean> {
    const { server, clock } = this.parts;
    for (let looks = 0; looks < 2; looks++) {
      const open = await server.look();
      throwDefect(open);
      await clock.refresh();
      const isDue = this.dueTimesMs(open).some((due) => due <= clock.now());
      if (isDue || open.some(({ isBusy }) => isBusy) || this.isAtWork()) return false;
      if (!server.hasMoved) break;
    }
    return true;
  }

  async letDueFire(): Promise<void> {
    const { server, clock } = this.parts;
    const open = await server.look();
    await clock.refresh();
    const now = clock.now();
    const due = open.flatMap(({ timersMs }) => timersMs).filter((timeMs) => timeMs <= now + DUE_MS);
    if (due.length > 0) await this.skipMs(Math.max(0, Math.max(...due) - now) + 1);
  }

  async skipToNext(): Promise<boolean> {
    const due = this.dueTimesMs(await this.parts.server.look());
    if (due.length === 0) return false;
    await this.skipMs(Math.max(0, Math.min(...due) - this.parts.clock.now()) + 1);
    return true;
  }

  /** S3 tells whole seconds, so an object of the second that a run starts in would be the run's own, or not, by chance. */
  private async passSecond(): Promise<void> {
    const nowMs = await this.parts.server.currentTimeMs();
    if (Math.floor(nowMs / 1000) === this.writtenAtSecond) await this.skipMs(1000 - (nowMs % 1000));
  }

  private async skipMs(timeMs: number): Promise<void> {
    await this.settle();
    await this.parts.server.skip(timeMs);
    await this.settle();
  }

  /** When timers fire and activities come again; an activity that is at work, or about to be, is due. */
  private dueTimesMs(open: readonly OpenWorkflow[]): number[] {
    return open.flatMap(({ id, timersMs, activities }) => [
      ...timersMs,
      ...activities.map((activity) => this.parts.activities.comesAgainAtMs(id, activity) ?? 0),
    ]);
  }

  private async store(uri: string, { body, size, time }: ArrivingObject): Promise<Arrival> {
    const { s3, clock } = this.parts;
    await clock.refresh();
    const { bucket, key } = objectOf(uri);
    const content = body === undefined && size !== undefined ? size : Buffer.from(body ?? '\n');
    const { etag, modified, size: bytes } = s3.put(bucket, key, content, time);
    this.writtenAtSecond = modified.getTime() / 1000;
    const sequencer = (++this.events).toString(16).padStart(16, '0');
    return { bucket, key, versionId: null, etag, size: bytes, sequencer, time: modified.toISOString() };
  }
}

/** A defect of workflow code fails no run: the server tries it again for ever. */
export function throwDefect(open: readonly OpenWorkflow[]): void {
  const broken = open.find(({ defect }) => defect !== null);
  if (broken) throw new Error(`The code of ${broken.id} cannot go on: ${broken.defect}`);
}
