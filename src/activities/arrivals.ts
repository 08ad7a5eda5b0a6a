import { HeadBucketCommand, paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3';
import { Context } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import { SluiceError } from '../errors';
import type { Arrival } from '../pipelines';
import { isSince } from '../pipelines/arrival';
import { arrivalsWorkflowId, type Source } from '../pipelines/location';
import { subscribeSignal, unsubscribeSignal, type ArrivalsState } from '../workflows/messages';
import { toActivityFailure } from './failures';
import type { Activities } from './types';

export interface ArrivalDependencies {
  client: Client;
  s3: S3Client;
  taskQueue: string;
  listEveryMs: number;
}

/** How many objects one listing hands on, the oldest first: a signal and an activity result hold at most 2 MiB. */
const LISTED_OBJECTS = 5_000;

/** How to start the `arrivals` workflow of a source, for everything that signals it with start. */
export function arrivalsWorkflowOptions(source: Source, deps: { taskQueue: string; listEveryMs: number }) {
  const state: ArrivalsState = { source, subscriptions: [], memory: [], listEveryMs: deps.listEveryMs };
  return {
    workflowId: arrivalsWorkflowId(source),
    taskQueue: deps.taskQueue,
    args: [state] as [ArrivalsState],
  };
}

export function createArrivalActivities(
  deps: ArrivalDependencies,
): Pick<Activities, 'subscribe' | 'unsubscribe' | 'listArrivals'> {
  return {
    async subscribe(source, subscription) {
      try {
        await checkBucket(deps.s3, source.bucket);
        await deps.client.workflow.signalWithStart('arrivals', {
          ...arrivalsWorkflowOptions(source, deps),
          signal: subscribeSignal,
          signalArgs: [subscription],
        });
      } catch (error) {
        throw toActivityFailure(error);
      }
    },

    async unsubscribe(source, subscription) {
      await deps.client.workflow
        .getHandle(arrivalsWorkflowId(source))
        .signal(unsubscribeSignal, subscription);
    },

    async listArrivals(source, since) {
      try {
        return await listArrivals(deps.s3, source, since, Context.current().cancellationSignal);
      } catch (error) {
        throw toActivityFailure(error);
      }
    },
  };
}

async function checkBucket(s3: S3Client, bucket: string): Promise<void> {
  try {
    await s3.send(new HeadBucketCommand({ Bucket: bucket }));
  } catch (error) {
    const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
    if (status === 404)
      throw new SluiceError(
        'InvalidInput',
        `The bucket ${bucket} does not exist; create it, or correct the input`,
        { cause: error },
      );
    if (status === 403) {
      throw new SluiceError(
        'AccessDenied',
        `No access to the bucket ${bucket}; the worker's credentials need s3:ListBucket and s3:GetObject`,
        { cause: error },
      );
    }
    throw error;
  }
}

async function listArrivals(
  s3: S3Client,
  source: Source,
  since: string,
  signal: AbortSignal,
): Promise<Arrival[]> {
  const found: Arrival[] = [];
  for await (const page of paginateListObjectsV2(
    { client: s3 },
    { Bucket: source.bucket, Prefix: source.prefix },
    { abortSignal: signal },
  )) {
    for (const { Key, ETag, Size, LastModified } of page.Contents ?? []) {
      if (Key === undefined || Key.endsWith('/')) continue;
      const arrival: Arrival = {
        bucket: source.bucket,
        key: Key,
        versionId: null,
        etag: ETag?.replace(/"/g, '') || null,
        size: Size ?? null,
        sequencer: null,
        time: (LastModified ?? new Date()).toISOString(),
      };
      if (isSince(arrival, since)) found.push(arrival);
    }
  }
  return found.sort((a, b) => Date.parse(a.time) - Date.parse(b.time)).slice(0, LISTED_OBJECTS);
}
