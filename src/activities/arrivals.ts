import { createHash } from 'node:crypto';
import { HeadObjectCommand, paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3';
import { Context, log } from '@temporalio/activity';
import { WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { Arrival } from '../pipelines';
import { isSince } from '../pipelines/arrival';
import type { Source } from '../pipelines/location';
import { arrivalsWorkflowOptions, subscribeSignal, type RunMemo } from '../contracts/messages';
import { beating } from './beating';
import { tellOfAttempt, type RetryTelling } from './retries';
import { checkBucket } from '../lake/lakeFiles';
import { isRetryable, SluiceError } from '../errors';
import { classifyError, toActivityFailure } from '../services/failures';
import { arrivalOfHead, readManifest } from '../lake/manifest';
import type { Activities, ListedPage, StartOutcome } from '../contracts/activities';

export interface ArrivalDependencies extends RetryTelling {
  client: Client;
  s3: S3Client;
  taskQueue: string;
  listEveryMs: number;
}

/** What a page of `listSource` holds, far below the 2 MiB of a payload; a key has at most 1 KiB. */
const PAGE = { objects: 1_000, bytes: 512 * 1024 };
/** A folder of millions of old objects is gone through in pieces of this time. */
const PAGE_MS = 60_000;
/** How many runs are started, or objects looked up, side by side. */
const SIDE_BY_SIDE = 10;
/** An object that S3 or Temporal does not answer for holds up the others no longer. */
const START_TIMEOUT_MS = 30_000;
/** The retention where the server does not tell its own. */
const UNKNOWN_RETENTION_MS = 86_400_000;
const UNIMPLEMENTED = 12;

export function createArrivalActivities(
  deps: ArrivalDependencies,
): Pick<
  Activities,
  'subscribe' | 'listSource' | 'findResets' | 'areStored' | 'readRetention' | 'startRuns' | 'readManifest'
> {
  const of = (step: string | undefined) => (step === undefined ? null : { step, telling: deps });
  return {
    subscribe: (source, subscription) =>
      attempt(async () => {
        await checkBucket(deps.s3, source.bucket);
        await deps.client.workflow.signalWithStart('arrivals', {
          ...arrivalsWorkflowOptions(source, deps),
          signal: subscribeSignal,
          signalArgs: [subscription],
        });
      }, of(subscription.step)),

    listSource: (source, since, after, step) =>
      attempt((signal) => listSource({ s3: deps.s3, signal }, source, since, after), of(step)),

    findResets: (runs) => attempt(() => mapSideBySide(runs, (run) => findReset(deps.client, run))),

    areStored: (arrivals) =>
      attempt((signal) =>
        mapSideBySide(arrivals, async (arrival) => {
          try {
            return (await pinVersion(deps.s3, arrival, signal)) !== null;
          } catch {
            signal.throwIfAborted();
            // The run that takes it finds out.
            return true;
          }
        }),
      ),

    readRetention: () => attempt(() => readRetention(deps.client)),

    startRuns: (trigger, arrivals) =>
      attempt((signal) =>
        mapSideBySide(arrivals, async (arrival): Promise<StartOutcome> => {
          try {
            return await startRun(deps, { trigger, arrival, signal });
          } catch (error) {
            signal.throwIfAborted();
            const { code, message } = classifyError(error);
            return { state: 'failed', code, message, passing: isRetryable(code) };
          }
        }),
      ),

    readManifest: (manifest, step) => attempt((signal) => readManifest(deps.s3, manifest, signal), of(step)),
  };
}

export async function mapSideBySide<T, Result>(
  items: T[],
  map: (item: T) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const waiting = [...items.entries()];
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      results[next[0]] = await map(next[1]);
  };
  const works = Array.from({ length: SIDE_BY_SIDE }, work);
  try {
    await Promise.all(works);
  } catch (error) {
    // The others are not to go on after the activity has ended.
    waiting.length = 0;
    await Promise.allSettled(works);
    throw error;
  }
  return results;
}

/**
 * The run that goes on with one that has ended. A reset gives a run a new run id, and keeps the first one of the chain that
 * both belong to.
 */
export async function findReset(
  client: Client,
  { workflowId, runId }: { workflowId: string; runId: string },
): Promise<string | null> {
  const describe = async (ofRunId?: string) => {
    const { runId: id, status, raw } = await client.workflow.getHandle(workflowId, ofRunId).describe();
    return { id, isRunning: status.name === 'RUNNING', first: raw.workflowExecutionInfo?.firstRunId };
  };
  try {
    const current = await describe();
    if (!current.isRunning || current.id === runId || !current.first) return null;
    const isSameChain = current.first === runId || current.first === (await describe(runId)).first;
    return isSameChain ? current.id : null;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

/**
 * One attempt: heartbeats, so that a worker that dies in it is soon noticed, and failures are classified.
 * @param of the step of the run that is told when it is retried
 */
function attempt<T>(
  work: (signal: AbortSignal) => Promise<T>,
  of: { step: string; telling: RetryTelling } | null = null,
): Promise<T> {
  return beating(async (cancelled) => {
    // When the server has given up waiting, nothing may go on: another attempt does the same.
    const { startToCloseTimeoutMs } = Context.current().info;
    const signal = AbortSignal.any([cancelled, AbortSignal.timeout(startToCloseTimeoutMs || 3_600_000)]);
    try {
      return await work(signal);
    } catch (error) {
      const failure = toActivityFailure(error);
      if (of !== null) await tellOfAttempt(of.telling, { step: of.step, doing: 'list' }, failure);
      throw failure;
    }
  });
}

/**
 * Starts a run for an object version, once however often it is asked: the run's id is made of what S3 itself says of the
 * version, since an event and a listing do not say the same. A version that can no longer be read starts nothing; what
 * took its place is an arrival of its own.
 */
async function startRun(
  deps: ArrivalDependencies,
  {
    trigger: { pipeline, input, since, taskQueue = deps.taskQueue },
    arrival: given,
    signal,
  }: { trigger: Parameters<Activities['startRuns']>[0]; arrival: Arrival; signal: AbortSignal },
): Promise<StartOutcome> {
  const { client, s3 } = deps;
  const arrival = await pinVersion(s3, given, signal);
  if (arrival === null) {
    log.info('no run is started for an object that is gone', { bucket: given.bucket, key: given.key });
    return { state: 'gone' };
  }
  const memo: RunMemo = { pipeline };
  try {
    await client.withDeadline(Date.now() + START_TIMEOUT_MS, () =>
      client.workflow.start(pipeline, {
        taskQueue,
        workflowId: arrivalRunId(pipeline, arrival),
        args: [input, { since: since ?? arrival.time, arrivals: [arrival] }],
        memo: { ...memo },
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        workflowIdConflictPolicy: 'FAIL',
      }),
    );
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
  return { state: 'started', etag: arrival.etag, time: arrival.time };
}

async function readRetention(client: Client): Promise<number> {
  try {
    const { config } = await client.workflowService.describeNamespace({
      namespace: client.options.namespace,
    });
    const seconds = Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0);
    return seconds > 0 ? seconds * 1000 : UNKNOWN_RETENTION_MS;
  } catch (error) {
    // The time-skipping server keeps everything, and has no namespaces to describe.
    if ((error as { code?: unknown }).code === UNIMPLEMENTED) return UNKNOWN_RETENTION_MS;
    throw error;
  }
}

/** The arrival with version, etag and time as S3 says them; null when that version is not there. */
export async function pinVersion(
  s3: S3Client,
  arrival: Arrival,
  signal: AbortSignal,
): Promise<Arrival | null> {
  const { bucket, key, versionId, etag } = arrival;
  const timeout = AbortSignal.timeout(START_TIMEOUT_MS);
  try {
    const head = await s3.send(
      new HeadObjectCommand({
        Bucket: bucket,
        Key: key,
        ...(versionId === null ? {} : { VersionId: versionId }),
      }),
      { abortSignal: AbortSignal.any([signal, timeout]) },
    );
    const found = arrivalOfHead(bucket, key, head);
    if (versionId === null && etag !== null && found.etag !== null && found.etag !== etag) return null;
    return { ...arrival, ...found, versionId: versionId ?? found.versionId };
  } catch (error) {
    if (timeout.aborted) {
      const waited = START_TIMEOUT_MS / 1000;
      throw new SluiceError('Transient', `S3 did not answer for s3://${bucket}/${key} within ${waited} s`);
    }
    const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
    // 405 is the answer for the version of a deletion.
    if (status === 404 || status === 405) return null;
    throw error;
  }
}

/** An id of the server has at most 1,000 bytes, and a key alone may have 1,024. */
const MAX_ID_BYTES = 900;

/** The id of the run that an object version starts. */
export function arrivalRunId(pipeline: string, arrival: Arrival): string {
  const { bucket, key, versionId, etag, time } = arrival;
  // Without versions, an etag may come again, with the same bytes: then the second tells the uploads apart.
  const version = versionId ?? `${etag ?? ''}-${time.slice(0, 19)}`;
  const id = `${pipeline}:s3://${bucket}/${key}@${version}`;
  if (Buffer.byteLength(id) <= MAX_ID_BYTES) return id;
  const digest = createHash('sha256').update(key).digest('hex').slice(0, 32);
  return `${pipeline}:s3://${bucket}/…${digest}@${version}`;
}

async function listSource(
  { s3, signal }: { s3: S3Client; signal: AbortSignal },
  source: Source,
  since: string,
  after: string | null,
): Promise<ListedPage> {
  const page: ListedPage = { arrivals: [], after: null };
  const deadlineMs = Date.now() + PAGE_MS;
  let bytes = 0;
  for await (const { arrivals, lastKey } of listPages({ s3, signal }, source, since, after)) {
    for (const arrival of arrivals) {
      bytes += Buffer.byteLength(JSON.stringify(arrival));
      if (page.arrivals.length > 0 && (page.arrivals.length >= PAGE.objects || bytes > PAGE.bytes))
        return { ...page, after: page.arrivals.at(-1)!.key };
      page.arrivals.push(arrival);
    }
    if (lastKey !== null && Date.now() > deadlineMs) return { ...page, after: lastKey };
  }
  return page;
}

/** S3's own pages, in the order of keys, each with what is as new as `since` and its last key. */
async function* listPages(
  { s3, signal }: { s3: S3Client; signal: AbortSignal },
  source: Source,
  since: string,
  after: string | null,
): AsyncGenerator<{ arrivals: Arrival[]; lastKey: string | null }> {
  const pages = paginateListObjectsV2(
    { client: s3 },
    { Bucket: source.bucket, Prefix: source.prefix, ...(after === null ? {} : { StartAfter: after }) },
    { abortSignal: signal },
  );
  for await (const { Contents = [] } of pages) {
    const arrivals: Arrival[] = [];
    for (const { Key, ETag, Size, LastModified } of Contents) {
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
      if (isSince(arrival, since)) arrivals.push(arrival);
    }
    yield { arrivals, lastKey: Contents.at(-1)?.Key ?? null };
  }
}
