import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { NativeConnection } from '@temporalio/worker';
import { Worker, type WorkerOptions } from '@temporalio/worker';
import { createActivities, type ActivityDependencies } from '../activities';

export interface CreateWorkerOptions {
  connection: NativeConnection;
  namespace: string;
  activities: ActivityDependencies;
  /** Workflow code other than Sluice's own pipelines: a bundle, or a path that is bundled at start. */
  workflows?: Pick<WorkerOptions, 'workflowBundle' | 'workflowsPath'>;
  /** Look at activities as they run, for tests. */
  interceptors?: WorkerOptions['interceptors'];
  /** How many runs stay in memory between their workflow tasks; default the SDK's, by the size of the heap. */
  maxCachedWorkflows?: number;
}

/** Awaits hold an activity slot each while a job runs elsewhere, and little else; submits must find one free. */
const ACTIVITY_SLOTS = 10_000;

/**
 * A worker for Sluice's pipelines, or for those of `workflows`. A shutdown never cancels a job: awaits are given up and
 * taken over by another worker.
 */
export function createWorker({
  connection,
  namespace,
  activities,
  workflows,
  interceptors,
  maxCachedWorkflows,
}: CreateWorkerOptions): Promise<Worker> {
  const { taskQueue, deploymentName, buildId } = activities.config;
  return Worker.create({
    connection,
    namespace,
    taskQueue,
    activities: createActivities(activities),
    maxConcurrentActivityTaskExecutions: ACTIVITY_SLOTS,
    // A cancellation reaches an activity with its next heartbeat.
    maxHeartbeatThrottleInterval: '5 s',
    shutdownGraceTime: '5 s',
    shutdownForceTime: '30 s',
    ...(workflows ?? ownWorkflows()),
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

/** The bundle that the build made; from TypeScript sources, the workflows themselves. */
function ownWorkflows(): NonNullable<CreateWorkerOptions['workflows']> {
  const codePath = join(__dirname, '..', '..', 'workflow-bundle.js');
  return existsSync(codePath)
    ? { workflowBundle: { codePath } }
    : { workflowsPath: join(__dirname, '..', 'workflows') };
}
