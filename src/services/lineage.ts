import { createHash } from 'node:crypto';
import { log } from '@temporalio/activity';
import type { LineageEvent, Submission } from '../contracts/activities';
import type { JobResult } from '../jobs';
import { classifyError } from './failures';
import { sendRequest } from './sendRequest';

/** https://openlineage.io/spec/2-0-2/OpenLineage.json */
const SCHEMA = 'https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent';
const PRODUCER = 'https://www.npmjs.com/package/sluice';
const PATH = '/api/v1/lineage';
const REQUEST_TIMEOUT_MS = 5_000;
/** What one event names at most: a run may take thousands of objects. */
const MOST_DATASETS = 500;

/** Where events go. */
export interface LineageTarget {
  /** With a path, or without one for OpenLineage's own. */
  url: string;
  /** Sent as a bearer token. */
  token: string | null;
}

/** Tells an OpenLineage server what runs and jobs read and wrote. */
export class Lineage {
  private readonly url: URL;
  private readonly authorization: string | undefined;

  constructor({ url, token }: LineageTarget) {
    this.url = new URL(url);
    const { username, password } = this.url;
    const login = [username, password].map(decodeURIComponent).join(':');
    if (token !== null) this.authorization = `Bearer ${token}`;
    else if (login !== ':') this.authorization = `Basic ${Buffer.from(login).toString('base64')}`;
    this.url.username = this.url.password = '';
    if (this.url.pathname === '/') this.url.pathname = PATH;
  }

  /** @throws an error that `classifyError` knows, without a secret */
  async send(event: LineageEvent, namespace: string): Promise<void> {
    const { status, text } = await sendRequest({
      url: this.url.href,
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(this.authorization === undefined ? {} : { authorization: this.authorization }),
      },
      body: JSON.stringify(toRunEvent(event, namespace)),
      timeoutMs: REQUEST_TIMEOUT_MS,
    });
    if (status >= 200 && status < 300) return;
    const message = `${this.url.host} answered ${status} to an event of OpenLineage: ${text.slice(0, 500)}`;
    throw Object.assign(new Error(message), { $metadata: { httpStatusCode: status } });
  }

  /** Sends it, and only logs when it cannot be sent: a job is worth more than what is told of it. */
  async trySend(event: LineageEvent, namespace: string): Promise<void> {
    await this.send(event, namespace).catch((error: unknown) => {
      const { code, message } = classifyError(error);
      log.warn('an event of OpenLineage was lost', { job: event.job, code, error: message });
    });
  }
}

/** The event as OpenLineage's schema has it. */
export function toRunEvent(event: LineageEvent, namespace: string): object {
  const { type, at, job, runId, parent, inputs, outputs, failure } = event;
  const facet = (name: string, version: string) => ({
    _producer: PRODUCER,
    _schemaURL: `https://openlineage.io/spec/facets/${version}/${name}.json`,
  });
  return {
    eventType: type,
    eventTime: at,
    producer: PRODUCER,
    schemaURL: SCHEMA,
    run: {
      runId,
      facets: {
        ...(parent
          ? {
              parent: {
                ...facet('ParentRunFacet', '1-1-0'),
                run: { runId: parent.runId },
                job: { namespace, name: parent.job },
              },
            }
          : {}),
        ...(failure
          ? {
              errorMessage: {
                ...facet('ErrorMessageRunFacet', '1-0-1'),
                message: failure.message,
                programmingLanguage: 'unknown',
              },
            }
          : {}),
      },
    },
    job: { namespace, name: job, facets: {} },
    inputs: toDatasets(inputs),
    outputs: toDatasets(outputs),
  };
}

/** https://openlineage.io/docs/spec/naming: of `s3://bucket/a/b`, the namespace is `s3://bucket` and the name `a/b`. */
function toDatasets(uris: readonly string[]): { namespace: string; name: string }[] {
  return [...new Set(uris)].slice(0, MOST_DATASETS).map((uri) => {
    const [, namespace = 'file', name = uri] = /^([a-z][a-z0-9+.-]*:\/\/[^/]*)\/?(.*)$/i.exec(uri) ?? [];
    return { namespace, name: name.replace(/\/+$/, '') || '/' };
  });
}

/** The programs of jobs, which are no data. */
const PROGRAM = /\.(?:py|jar|sql|zip|whl|egg|sh)$/i;
const LOCATION = /^(?:s3a?|hdfs|gs|abfss|wasbs):\/\/[^\s*?]+$/i;

/**
 * What a job reads and writes, as far as its parameters say: the locations among them that are no programs, and the output of
 * its result. A location at or below the output is no input.
 */
export function datasetsOf(
  { job }: Pick<Submission, 'job'>,
  result: Pick<JobResult, 'output'> | null,
): Pick<LineageEvent, 'inputs' | 'outputs'> {
  const outputs = new Set(result?.output ? [result.output] : []);
  const inputs = new Set<string>();
  const collect = (value: unknown, name: string): void => {
    if (typeof value === 'string') {
      if (!LOCATION.test(value) || PROGRAM.test(value)) return;
      (/output|target|^to$/i.test(name) ? outputs : inputs).add(value);
    } else if (typeof value === 'object' && value !== null) {
      const { bucket, key } = value as { bucket?: unknown; key?: unknown };
      if (typeof bucket === 'string' && typeof key === 'string') inputs.add(`s3://${bucket}/${key}`);
      else
        for (const [member, inner] of Object.entries(value))
          collect(inner, Array.isArray(value) ? name : member);
    }
  };
  collect(job.parameters, '');
  const folder = (uri: string) => `${uri.replace(/\/+$/, '')}/`;
  const isOutput = (uri: string) => [...outputs].some((output) => folder(uri).startsWith(folder(output)));
  return { inputs: [...inputs].filter((uri) => !isOutput(uri)), outputs: [...outputs] };
}

/** A run id of OpenLineage is a UUID: the same for the same submission, as version 5 makes it. */
export function uuidOf(key: string): string {
  const hex = createHash('sha256').update(key).digest('hex');
  const variant = ((parseInt(hex[16]!, 16) & 3) | 8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `5${hex.slice(13, 16)}`,
    variant + hex.slice(17, 20),
    hex.slice(20, 32),
  ].join('-');
}
