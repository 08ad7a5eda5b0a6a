import type { NativeConnection, Worker, WorkerInterceptors, WorkerOptions } from '@temporalio/worker';
import { createDataConverter } from '../setup/payloadCodec';
import { createActivities, type ActivityDependencies } from '../activities';
import { shippedWorkflows, type Workflows } from './workerProject';

export interface CreateWorkerOptions {
  connection: NativeConnection;
  namespace: string;
  activities: ActivityDependencies;
  /** Workflow code other than Sluice's own pipelines: a bundle, or a path that is bundled at start. */
  workflows?: Workflows;
  /** Traces, where they are sent. */
  plugins?: NonNullable<WorkerOptions['plugins']>;
  /** They see activities as they run, in tests. */
  interceptors?: WorkerInterceptors;
  /** How many runs stay in memory between their workflow tasks; default the SDK's, by the size of the heap. */
  maxCachedWorkflows?: number;
}

/** Awaits hold an activity slot each while a job runs elsewhere, and little else; submits must find one free. */
const ACTIVITY_SLOTS = 10_000;

/**
 * A worker for Sluice's pipelines, or for those of `workflows`. A shutdown never cancels a job: awaits are given up and
 * taken over by another worker.
 */
export async function createWorker({
  connection,
  namespace,
  activities,
  workflows,
  plugins = [],
  interceptors,
  maxCachedWorkflows,
}: CreateWorkerOptions): Promise<Worker> {
  const { taskQueue, deploymentName, buildId } = activities.config;
  // A project's configuration imports the package for every command; few of them run a worker.
  const { Worker } = await import('@temporalio/worker');
  return Worker.create({
    connection,
    namespace,
    dataConverter: await createDataConverter(activities.config),
    taskQueue,
    activities: createActivities(activities),
    maxConcurrentActivityTaskExecutions: ACTIVITY_SLOTS,
    // A cancellation reaches an activity with its next heartbeat.
    maxHeartbeatThrottleInterval: '5 s',
    shutdownGraceTime: '5 s',
    shutdownForceTime: '30 s',
    ...(workflows ?? shippedWorkflows(activities.config)),
    plugins,
    ...(interceptors === undefined ? {} : { interceptors }),
    ...(maxCachedWorkflows === undefined ? {} : { maxCachedWorkflows }),
    ...(deploymentName !== null && buildId !== null
      ? {
          workerDeploymentOptions: {
            version: { deploymentName, buildId },
            useWorkerVersioning: true,
            defaultVersioningBehavior: 'PINNED',
          },
        }
      : {}),
  });
}
