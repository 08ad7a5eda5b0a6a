import path from 'node:path';
import type { Worker } from '@temporalio/worker';
import type { FSWatcher } from 'chokidar';
import { SluiceError } from '../errors';
import { replaceJobFiles } from '../local/jobFiles';
import { parseS3Uri } from '../pipelines/location';
import { createLogger, type Logger } from '../setup/logging';
import type { Config } from '../setup/config';
import { createDataConverter } from '../setup/payloadCodec';
import { connectWorker } from '../setup/connect';
import { createWorker } from '../worker/createWorker';
import { installRuntime, withConnections, type Connections } from '../worker/runWorker';
import { loadWorkflows, partsOf, type Workflows } from '../worker/workerProject';
import { checkTypes } from './checkTypes';
import { loadProject } from './loadProject';
import { forgetModules } from './loadModule';
import type { Project } from './project';
import { replayRuns } from './replayRuns';
import { watchProject } from './watchProject';

/** Tells the person at the terminal of `sluice dev`. */
type Tell = (line: string) => void;

/**
 * The worker of `sluice dev`: one process, in which a new Temporal worker takes the place of the one before whenever a file
 * of the project was saved. Runs go on: the old worker gives its awaits up, the new one takes them over.
 *
 * It is idle, or reloading. A change while it reloads begins another reload after it. A reload that fails leaves the worker
 * that runs as it is.
 */
export async function runDevWorker(project: Project, config: Config): Promise<void> {
  const log = createLogger(config.logLevel, 'worker');
  installRuntime(config, log, []);
  await withConnections(config, log, async (connections) => {
    const dev = new DevWorker(project, config, connections, log);
    await dev.start();
    process.send?.({ ready: true });
    await Promise.race([untilStopped(), dev.failed]);
    await dev.stop();
  });
}

function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
}

interface Running {
  worker: Worker;
  /** Settles when the worker has ended. */
  ended: Promise<void>;
}

class DevWorker {
  /** Rejects when a worker ends by a fault of its own. */
  readonly failed: Promise<never>;
  private readonly fail: (error: Error) => void;
  private running: Running | null = null;
  private readonly ending = new Set<Promise<void>>();
  private watcher: FSWatcher | undefined;
  private reloading: Promise<void> | null = null;
  /** Since the reload under way began. */
  private isChanged = false;
  /** Ends the looks at what a reload came to, when the next begins. */
  private afterwards = new AbortController();

  constructor(
    private project: Project,
    private readonly config: Config,
    private readonly connections: Connections,
    private readonly log: Logger,
  ) {
    let reject: (error: Error) => void = () => {};
    this.failed = new Promise((_, rejected) => (reject = rejected));
    this.fail = reject;
  }

  async start(): Promise<void> {
    this.watch();
    await this.take(this.project).catch((error: unknown) => this.tellFailure(error));
  }

  async stop(): Promise<void> {
    this.afterwards.abort();
    await this.watcher?.close();
    await this.reloading;
    if (this.running !== null) this.retire(this.running);
    await Promise.all(this.ending);
  }

  private watch(): void {
    void this.watcher?.close();
    this.watcher = watchProject(this.project.folders, (files) => {
      this.isChanged = true;
      this.log.info({ files }, 'changed');
      this.reloading ??= this.reloadUntilUnchanged();
    });
  }

  private async reloadUntilUnchanged(): Promise<void> {
    while (this.isChanged) {
      this.isChanged = false;
      await this.reload().catch((error: unknown) => this.tellFailure(error));
    }
    this.reloading = null;
  }

  private async reload(): Promise<void> {
    const beganMs = Date.now();
    this.afterwards.abort();
    forgetModules(this.project.folders);
    const project = await loadProject({ config: this.project.file! });
    const workflows = await this.take(project);
    const names = project.pipelines.map(({ description }) => description.name).join(', ');
    tell(`Reloaded in ${((Date.now() - beganMs) / 1000).toFixed(1)} s: ${names}`);
    const areSame = project.folders.join() === this.project.folders.join();
    this.project = project;
    if (!areSame) this.watch();
    this.afterwards = new AbortController();
    void this.lookAfterwards(project, workflows, this.afterwards.signal);
  }

  /** Has a worker with this project take the place of the one that runs. */
  private async take(project: Project): Promise<Workflows> {
    await this.copyJobs(project);
    const { plugins } = this.connections;
    const workflows = await loadWorkflows(project, this.config, plugins);
    // A connection takes one worker of a task queue at a time, and two of them overlap here.
    const { connection, namespace } = await connectWorker();
    try {
      const activities = { ...this.connections.activities, ...partsOf(project) };
      const worker = await createWorker({ connection, namespace, activities, workflows, plugins });
      const before = this.running;
      const ended = worker.run().catch((error: Error) => this.fail(error));
      this.running = { worker, ended: ended.then(() => connection.close()) };
      if (before !== null) this.retire(before);
    } catch (error) {
      await connection.close();
      throw error;
    }
    return workflows;
  }

  private retire({ worker, ended }: Running): void {
    const ending = ended.finally(() => this.ending.delete(ending));
    this.ending.add(ending);
    if (worker.getState() === 'RUNNING') worker.shutdown();
  }

  /** The scripts of Spark are objects of the lake. */
  private async copyJobs({ jobsFolders }: Project): Promise<void> {
    const { s3Dir, lake } = this.config;
    if (s3Dir === null) return;
    await replaceJobFiles(jobsFolders, path.join(s3Dir, parseS3Uri(lake)!.bucket, 'jobs'));
  }

  /** The data folder of the local stack. */
  private get folder(): string {
    return path.dirname(this.config.s3Dir!);
  }

  private async lookAfterwards(project: Project, workflows: Workflows, signal: AbortSignal): Promise<void> {
    try {
      await Promise.all([this.tellMisfits(project, workflows, signal), this.tellTypeErrors(project, signal)]);
    } catch (error) {
      if (!signal.aborted) this.log.warn({ error }, 'a look at what the change came to failed');
    }
  }

  private async tellMisfits(project: Project, workflows: Workflows, signal: AbortSignal): Promise<void> {
    const { client } = this.connections.activities;
    const { taskQueue } = this.config;
    const pipelines = project.pipelines.map(({ description }) => description.name);
    for await (const { id, pipeline, step } of replayRuns({
      client,
      taskQueue,
      pipelines,
      workflows,
      dataConverter: await createDataConverter(this.config),
      signal,
    }))
      tell(
        `${pipeline}: the run ${id} cannot go on with the changed code${step === null ? '' : `, from step "${step}" on`}. ` +
          `Put the code back, or end the run and start it anew: sluice cancel ${id}`,
      );
  }

  private async tellTypeErrors({ root }: Project, signal: AbortSignal): Promise<void> {
    const cacheFile = path.join(this.folder, 'types.tsbuildinfo');
    for (const line of await checkTypes({ root: root!, cacheFile, signal })) tell(`warning: ${line}`);
  }

  private tellFailure(error: unknown): void {
    const text = error instanceof SluiceError ? error.message : String((error as Error).stack ?? error);
    const rest =
      this.running === null ? 'It is tried again when a file is saved' : 'The version before goes on';
    tell(`${text}\n${rest}.`);
  }
}

const tell: Tell = (line) => process.send?.({ report: line });
