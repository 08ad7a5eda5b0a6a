import { readFile } from 'node:fs/promises';
import { SluiceError } from '../../errors';
import type { JobReference } from '../../jobs';
import type { JobProgress } from '../../contracts/activities';
import type { LivyAuth } from '../../setup/config';
import { hideSecrets } from '../../setup/redactSecrets';
import { sendRequest } from '../../services/sendRequest';
import type { RunnerContext } from '../defineRunner';
import type { LivyCreateBatchParameters } from '.';
import { markerOf, succeeded } from '../references';
import type { JobState, Runner, SubmissionOf } from '../runner';
import { scriptFailed } from '../scriptFailure';

/** A batch as Livy's REST API tells it: https://livy.apache.org/docs/latest/rest-api.html#batch */
interface Batch {
  id: number;
  name: string | null;
  state: string;
  appId: string | null;
  appInfo: { driverLogUrl: string | null; sparkUiUrl: string | null } | null;
  log: string[];
}

/** The few verbs of Livy's REST API in use. */
export interface LivyPort {
  create(body: LivyCreateBatchParameters & { name: string }): Promise<Batch>;
  /** Null when Livy has no batch of this id. */
  get(id: string): Promise<Batch | null>;
  list(): Promise<Batch[]>;
  /** Whether Livy answers and lets the caller in. @throws SluiceError that says why not */
  probe(): Promise<void>;
  log(id: string): Promise<string[]>;
  remove(id: string): Promise<void>;
}

const REQUEST_TIMEOUT_MS = 30_000;
const LIST_SIZE = 1000;

/** How a worker is let in to Livy, and whom it trusts there. */
export interface LivyAccess {
  auth: LivyAuth | null;
  /** A file of PEM certificates. */
  ca: string | null;
  /** How long an answer may take; default 30 s. */
  timeoutMs?: number;
}

/** The header by which Livy, or the proxy before it, knows the worker. */
async function headerOf(auth: LivyAuth | null): Promise<Record<string, string>> {
  if (auth === null) return {};
  const basic = (login: string) => ({ authorization: `Basic ${Buffer.from(login).toString('base64')}` });
  if (auth.kind === 'password') return basic(`${auth.user}:${auth.password}`);
  const secret = (await readFile(auth.file, 'utf8')).trim();
  hideSecrets([secret, ...(auth.kind === 'basic' ? [secret.slice(secret.indexOf(':') + 1)] : [])]);
  if (auth.kind === 'basic') return basic(secret);
  return auth.kind === 'header' ? { [auth.name]: secret } : { authorization: `Bearer ${secret}` };
}

/** Livy over HTTP, at an address without a secret. Livy answers some mistakes with a bare JSON string instead of `{ "msg" }`. */
export function createLivyPort(baseUrl: string, access: LivyAccess = { auth: null, ca: null }): LivyPort {
  async function call(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; body: unknown }> {
    const { status, text } = await sendRequest({
      url: baseUrl + path,
      method,
      headers: {
        accept: 'application/json',
        'content-type': 'application/json',
        // Livy takes no change without it when its protection against other sites' pages is on.
        'x-requested-by': 'sluice',
        ...(await headerOf(access.auth)),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(access.ca === null ? {} : { ca: await readFile(access.ca, 'utf8') }),
      timeoutMs: access.timeoutMs ?? REQUEST_TIMEOUT_MS,
    }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNREFUSED' && error.code !== 'ENOTFOUND') throw error;
      throw new SluiceError(
        'ServerUnreachable',
        `Livy cannot be reached at ${baseUrl}; start it or set SLUICE_LIVY_URL`,
        { cause: error },
      );
    });
    let answer: unknown = text;
    try {
      answer = JSON.parse(text);
    } catch {
      // A proxy's HTML page: told as it is.
    }
    if ((status >= 200 && status < 300) || status === 404) return { status, body: answer };
    const told = typeof answer === 'string' ? answer : ((answer as { msg?: string } | null)?.msg ?? text);
    const message = `Livy answered ${status}: ${told.slice(0, 2000)}`;
    if (status === 401 || status === 403)
      throw new SluiceError('AccessDenied', `${message}; let the worker in with SLUICE_LIVY_AUTH`);
    if (status >= 300 && status < 400)
      throw new SluiceError(
        'InvalidJob',
        `${message}; no redirect is followed, set SLUICE_LIVY_URL to where Livy is`,
      );
    if (/too many sessions/i.test(told)) throw new SluiceError('NoCapacity', message);
    throw Object.assign(new Error(message), { $metadata: { httpStatusCode: status } });
  }
  return {
    async create(body) {
      const answer = await call('POST', '/batches', body);
      if (answer.status === 404)
        throw new SluiceError(
          'InvalidJob',
          `${baseUrl} has no /batches; set SLUICE_LIVY_URL to a Livy server`,
        );
      return answer.body as Batch;
    },
    async get(id) {
      const answer = await call('GET', `/batches/${id}`);
      return answer.status === 404 ? null : (answer.body as Batch);
    },
    async list() {
      const batches: Batch[] = [];
      for (;;) {
        const page = (await call('GET', `/batches?from=${batches.length}&size=${LIST_SIZE}`)).body as {
          total: number;
          sessions: Batch[];
        };
        batches.push(...page.sessions);
        if (page.sessions.length === 0 || batches.length >= page.total) return batches;
      }
    },
    async probe() {
      const { status } = await call('GET', '/batches?size=1');
      if (status === 404)
        throw new SluiceError(
          'InvalidJob',
          `${baseUrl} has no /batches; set SLUICE_LIVY_URL to a Livy server`,
        );
    },
    async log(id) {
      const answer = await call('GET', `/batches/${id}/log?from=-1&size=100`);
      return answer.status === 404 ? [] : ((answer.body as { log?: string[] }).log ?? []);
    },
    async remove(id) {
      await call('DELETE', `/batches/${id}`);
    },
  };
}

/** How many log lines a failure carries. */
const SHOWN_LOG_LINES = 15;

/** `livy:createBatch`. The submission's key is the batch's name, which Livy keeps unique among the batches it knows. */
export class LivyRunner implements Runner<'livy:createBatch'> {
  readonly knowsAtOnce = true;

  constructor(
    private readonly livy: LivyPort,
    private readonly baseUrl: string,
  ) {}

  async submit({ job, key }: SubmissionOf<'livy:createBatch'>): Promise<JobReference> {
    const name = markerOf(key);
    try {
      return this.reference(await this.livy.create({ ...job.parameters, name }), key);
    } catch (error) {
      const status = (error as { $metadata?: { httpStatusCode: number } }).$metadata?.httpStatusCode ?? 0;
      // What passes by itself is no mistake of the job's.
      if (status < 400 || status >= 500 || [408, 409, 425, 429].includes(status)) throw error;
      if (/duplicate session name/i.test((error as Error).message)) {
        const found = await this.findByName(name);
        if (found !== null) return this.reference(found, key);
        throw new SluiceError('Transient', (error as Error).message, { cause: error });
      }
      // A batch that was refused for its file stays in `starting` and keeps the name: clear it away.
      const refused = await this.findByName(name);
      if (refused !== null) await this.livy.remove(String(refused.id));
      throw new SluiceError(
        'InvalidJob',
        `${(error as Error).message}; mend the parameters of livy:createBatch`,
        { cause: error },
      );
    }
  }

  async find({ key }: SubmissionOf<'livy:createBatch'>): Promise<JobReference | null> {
    const batch = await this.findByName(markerOf(key));
    return batch === null ? null : this.reference(batch, key);
  }

  async poll({ key }: SubmissionOf<'livy:createBatch'>, reference: JobReference): Promise<JobState> {
    const name = markerOf(key);
    // Ids start again at 0 after a restart without recovery, so a batch of the same id may be somebody else's.
    const byId = await this.livy.get(reference.externalId);
    const batch = byId?.name === name ? byId : await this.findByName(name);
    if (batch === null) {
      return {
        state: 'lost',
        message: `Livy no longer knows batch ${reference.externalId} (${name}): it was deleted, or Livy was restarted. Look at the job's output, then start again.`,
      };
    }
    switch (batch.state) {
      case 'success':
        return succeeded(
          { ...reference, externalId: String(batch.id) },
          {
            url: this.url(batch),
            logUrl: batch.appInfo?.driverLogUrl ?? `${this.baseUrl}/batches/${batch.id}/log`,
          },
        );
      case 'dead':
      case 'error':
        return describeLog(`Livy batch ${batch.id} is ${batch.state}`, await this.livy.log(String(batch.id)));
      case 'killed':
        return { state: 'stopped', message: `Livy batch ${batch.id} was killed` };
      default:
        return { state: 'running', nativeState: batch.state, ...progressOf(batch.log) };
    }
  }

  async stop({ key }: SubmissionOf<'livy:createBatch'>): Promise<void> {
    const batch = await this.findByName(markerOf(key));
    if (batch !== null) await this.livy.remove(String(batch.id));
  }

  private async findByName(name: string): Promise<Batch | null> {
    return (await this.livy.list()).find((batch) => batch.name === name) ?? null;
  }

  private url(batch: Batch): string {
    return batch.appInfo?.sparkUiUrl ?? `${this.baseUrl}/ui/batch/${batch.id}/log`;
  }

  private reference(batch: Batch, key: string): JobReference {
    return {
      resource: 'livy:createBatch',
      externalId: String(batch.id),
      key,
      url: this.url(batch),
      submittedAt: new Date().toISOString(),
    };
  }
}

/** What `sluice_rows.py` writes of how far its script is. Livy shows the last lines of a batch's log with its state. */
const PROGRESS = /^Sluice progress: (\{.*\})$/;

function progressOf(log: string[] | null): { progress?: JobProgress } {
  const told = (log ?? [])
    .flatMap((lines) => lines.split('\n'))
    .findLast((line) => PROGRESS.test(line.trimEnd()));
  if (told === undefined) return {};
  return { progress: JSON.parse(PROGRESS.exec(told.trimEnd())![1]!) as JobProgress };
}

/** A headline from the line that names the error, then the last lines of the driver's log. */
function describeLog(headline: string, log: string[]): JobState {
  const lines = log
    .flatMap((line) => line.split('\n'))
    .map((line) => line.trimEnd())
    .filter(
      (line) =>
        line !== '' &&
        !/^(stdout|stderr|YARN Diagnostics):\s*$/.test(line.trim()) &&
        !/ INFO /.test(line) &&
        !PROGRESS.test(line),
    );
  const reason = lines.findLast((line) =>
    /^(BadData|InvalidInput|ObjectGone|[\w.]*(Error|Exception)):? /.test(line.trim()),
  );
  const said = reason ? `${headline}: ${reason.trim()}` : headline;
  return scriptFailed([said, ...lines.slice(-SHOWN_LOG_LINES)].join('\n'), reason ?? '');
}

/** @throws SluiceError NoEngine when the worker has no Livy, which the resource needs here */
export function connectLivy({ config }: RunnerContext, resource: string): LivyRunner {
  const { livyUrl, livyAuth: auth, livyCa: ca } = config;
  if (livyUrl !== null) return new LivyRunner(createLivyPort(livyUrl, { auth, ca }), livyUrl);
  throw new SluiceError(
    'NoEngine',
    `${resource} needs Spark through Livy: set SLUICE_LIVY_URL on the worker, or start the local stack without --no-spark`,
  );
}
