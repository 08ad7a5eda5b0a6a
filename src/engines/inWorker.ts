import { createHash } from 'node:crypto';
import { GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { SluiceError } from '../errors';
import type { JobParameters, JobReference, JobResult, Resource } from '../jobs';
import { parseS3Uri } from '../pipelines/location';
import { succeeded } from '../runners/references';
import type { JobState, Runner, SubmissionOf } from '../runners/runner';

/** What a local engine's work came to. */
export type LocalResult = Pick<JobResult, 'output' | 'measures' | 'rows'>;

/** A service's work, done inside the worker. */
export interface LocalEngine<R extends Resource> {
  /** @throws SluiceError InvalidJob for what the service would refuse */
  check(parameters: JobParameters[R]): Promise<void>;
  /** May be repeated when a worker dies. @throws SluiceError JobFailed, BadData, InvalidJob or ObjectGone */
  run(submission: SubmissionOf<R>, id: string, signal: AbortSignal): Promise<LocalResult>;
}

const STOPPED: JobState = { state: 'stopped', message: 'stopped on request' };
/** What the engine's own code does wrong it does wrong again: a retry would be for ever. */
const FAULTS = [TypeError, RangeError, SyntaxError, ReferenceError, URIError];
const FINAL = ['JobFailed', 'BadData', 'InvalidJob', 'ObjectGone'] as const;

/**
 * A resource whose local engine is this worker: the poll does the work. The result is kept in the lake as
 * `.jobs/<id>.json`, so an await that is repeated after it finds the job done and does not run it again. A stop ends the
 * work that this worker does and waits for its end; another worker's ends when its await hears of the cancellation.
 */
export class InWorkerRunner<R extends Resource> implements Runner<R> {
  readonly worksInPoll = true;
  /** Keys that must not run any more: a key is never used again. */
  private readonly stopped = new Set<string>();
  private readonly running = new Map<string, { work: Promise<JobState>; stop: AbortController }>();

  constructor(
    private readonly resource: R,
    private readonly engine: LocalEngine<R>,
    private readonly s3: S3Client,
    private readonly lake: string,
  ) {}

  async submit({ job, key }: SubmissionOf<R>): Promise<JobReference> {
    await this.engine.check(job.parameters);
    const { resource } = this;
    return { resource, externalId: idOf(key), key, url: null, submittedAt: new Date().toISOString() };
  }

  find(): Promise<null> {
    return Promise.resolve(null);
  }

  async poll(submission: SubmissionOf<R>, reference: JobReference, signal: AbortSignal): Promise<JobState> {
    // An await that its server gave up may still be at work here.
    await this.end(submission.key);
    if (this.stopped.has(submission.key)) return STOPPED;
    const stop = new AbortController();
    const work = this.work(submission, reference, AbortSignal.any([signal, stop.signal])).catch(
      (error: unknown): JobState => {
        if (stop.signal.aborted && !signal.aborted) return STOPPED;
        throw error;
      },
    );
    const entry = { work, stop };
    this.running.set(submission.key, entry);
    try {
      return await work;
    } finally {
      if (this.running.get(submission.key) === entry) this.running.delete(submission.key);
    }
  }

  async stop({ key }: SubmissionOf<R>): Promise<void> {
    this.stopped.add(key);
    await this.end(key);
  }

  private async end(key: string): Promise<void> {
    const entry = this.running.get(key);
    entry?.stop.abort();
    await entry?.work.catch(() => {});
  }

  private async work(
    submission: SubmissionOf<R>,
    reference: JobReference,
    signal: AbortSignal,
  ): Promise<JobState> {
    const { externalId } = reference;
    const startedAt = Date.now();
    const object = {
      Bucket: parseS3Uri(this.lake)!.bucket,
      Key: keyIn(this.lake, `.jobs/${externalId}.json`),
    };
    const done = await readJson<JobResult>(this.s3, object, signal);
    if (done !== null) return { state: 'succeeded', result: done };
    try {
      const done = await this.engine.run(submission, externalId, signal);
      const state = succeeded(reference, { ...done, durationMs: Date.now() - startedAt });
      signal.throwIfAborted();
      await this.s3.send(new PutObjectCommand({ ...object, Body: JSON.stringify(state.result) }));
      return state;
    } catch (error) {
      if (signal.aborted) throw error;
      if (FAULTS.some((fault) => error instanceof fault))
        return {
          state: 'failed',
          message: `The local engine failed: ${(error as Error).message}`,
          code: 'JobFailed',
        };
      const code = error instanceof SluiceError ? FINAL.find((final) => final === error.code) : undefined;
      if (code === undefined) throw error;
      return { state: 'failed', message: (error as SluiceError).message, code };
    }
  }
}

/** An id as Athena and Redshift give them, always the same for one submission. */
function idOf(key: string): string {
  const digits = createHash('sha256').update(key).digest('hex');
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    digits.slice(12, 16),
    digits.slice(16, 20),
    digits.slice(20, 32),
  ].join('-');
}

/** The key of a path below the lake, whose location may name a folder. */
export function keyIn(lake: string, path: string): string {
  const { key } = parseS3Uri(lake)!;
  return key === '' ? path : `${key.replace(/\/+$/, '')}/${path}`;
}

/** The JSON that an object holds, or null when it is not there. */
export async function readJson<T>(
  s3: S3Client,
  object: { Bucket: string; Key: string },
  signal?: AbortSignal,
): Promise<T | null> {
  try {
    const { Body } = await s3.send(new GetObjectCommand(object), signal ? { abortSignal: signal } : {});
    return JSON.parse(await Body!.transformToString()) as T;
  } catch (error) {
    if ((error as Error).name === 'NoSuchKey') return null;
    throw error;
  }
}
