/**
 * Days on the time-skipping server, with outages of listing, of events and of the worker's credentials that last from minutes
 * to twice the server's retention, alone and together: every object starts one run. The suite plays one of each kind, the
 * long form (`npm run soak`) each kind with each length and 10,000 objects; `SLUICE_SEED` draws the same again.
 */
import { HeadObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { WorkflowExecutionAlreadyStartedError, type Client } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { createAcceptArrivals } from '../../../src/arrivals/acceptArrivals';
import { addTrigger, removeTrigger } from '../../../src/arrivals/triggers';
import { triggersQuery, type TriggerStatus } from '../../../src/contracts/messages';
import type { Arrival } from '../../../src/pipelines';
import { seeded, whole } from '../../../src/testing/random';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../support/arrivals';
import { quietRuntime, startTestWorker, startTimeSkipping, testConfig } from '../../support/environment';
import { isLong, seedOf } from '../../support/long';

type Service = 'listing' | 'events' | 'credentials';
interface Outage {
  of: Service[];
  lengthMs: number;
}

const LENGTHS_MS = [
  ...[MINUTE_MS, 5 * MINUTE_MS, 20 * MINUTE_MS, HOUR_MS, 3 * HOUR_MS, 6 * HOUR_MS],
  ...[11 * HOUR_MS, 13 * HOUR_MS, 23 * HOUR_MS, 25 * HOUR_MS, 30 * HOUR_MS, 50 * HOUR_MS],
];
const KINDS: Service[][] = [
  ...([['listing'], ['events'], ['credentials']] as Service[][]),
  ...([
    ['listing', 'events'],
    ['events', 'credentials'],
  ] as Service[][]),
];
const OUTAGES: Outage[] = isLong
  ? LENGTHS_MS.flatMap((lengthMs) => KINDS.map((of) => ({ of, lengthMs })))
  : [
      { of: ['listing', 'events'], lengthMs: 20 * MINUTE_MS },
      { of: ['credentials'], lengthMs: 3 * HOUR_MS },
      { of: ['listing'], lengthMs: 26 * HOUR_MS },
    ];
const OBJECTS = isLong ? 10_000 : 400;
/** How long all goes well after an outage; after the last, a listing goes back to everything. */
const CALM_MS = 2 * HOUR_MS;
const LAST_CALM_MS = 13 * HOUR_MS;
const STEP_MS = 30 * MINUTE_MS;
const LIST_EVERY_MS = HOUR_MS;
/** Names so long that a source remembers few of the objects: what it has started is known by other means. */
const NAME = 'a-long-name-'.repeat(isLong ? 8 : 60);

let environment: TestWorkflowEnvironment;

beforeAll(async () => {
  quietRuntime();
  environment = await startTimeSkipping();
}, 120_000);

afterAll(() => environment?.teardown());

interface Stored {
  key: string;
  etag: string;
  modifiedMs: number;
}

/** A bucket of which a test says what answers. */
class Bucket extends S3Client {
  readonly objects = new Map<string, Stored>();
  readonly isDown = new Set<Service>();
  private keys: string[] = [];
  private isSorted = true;

  put(object: Stored): void {
    this.objects.set(object.key, object);
    this.keys.push(object.key);
    this.isSorted = false;
  }

  override send = (async (command: { constructor: { name: string } }) => {
    if (this.isDown.has('credentials'))
      throw Object.assign(new Error('could not load them'), { name: 'CredentialsProviderError' });
    if (command instanceof HeadObjectCommand) return this.head(command.input.Key!);
    if (!(command instanceof ListObjectsV2Command))
      throw new Error(`not known here: ${command.constructor.name}`);
    if (this.isDown.has('listing')) throw Object.assign(new Error('try later'), { name: 'SlowDown' });
    const { StartAfter = '', ContinuationToken = StartAfter } = command.input;
    if (!this.isSorted) this.keys.sort();
    this.isSorted = true;
    const from = this.keys.findIndex((key) => key > ContinuationToken);
    const page = from === -1 ? [] : this.keys.slice(from, from + 1_000);
    const isTruncated = page.length > 0 && page.at(-1) !== this.keys.at(-1);
    return {
      Contents: page.map((key) => ({ Key: key, Size: 1, ...this.head(key) })),
      IsTruncated: isTruncated,
      ...(isTruncated ? { NextContinuationToken: page.at(-1) } : {}),
    };
  }) as unknown as S3Client['send'];

  private head(key: string) {
    const { etag, modifiedMs } = this.objects.get(key)!;
    return { ETag: `"${etag}"`, LastModified: new Date(modifiedMs), ContentLength: 1 };
  }
}

/**
 * The client of a server that forgets runs which have ended a day ago: the time-skipping one forgets none. Runs end as soon
 * as they are started.
 */
class ForgetfulStarts {
  /** Etag of the object -> when its runs were started. */
  readonly startedMs = new Map<string, number[]>();
  readonly client: Client;

  constructor() {
    const { client } = environment;
    const start = async (_: string, { workflowId }: { workflowId: string }) => {
      const nowMs = await environment.currentTimeMs();
      const etag = /@([0-9a-f]{32})-/.exec(workflowId)![1]!;
      const times = this.startedMs.get(etag) ?? [];
      if (times.some((timeMs) => timeMs > nowMs - DAY_MS))
        throw new WorkflowExecutionAlreadyStartedError('known', workflowId, 'inbox');
      this.startedMs.set(etag, [...times, nowMs]);
    };
    const workflow = new Proxy(client.workflow, {
      get: (target, name) => (name === 'start' ? start : bound(target, name)),
    });
    this.client = new Proxy(client, {
      get: (target, name) => (name === 'workflow' ? workflow : bound(target, name)),
    });
  }
}

function bound(target: object, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name);
  return typeof value === 'function' ? (value.bind(target) as unknown) : value;
}

let attempts = 0;

test(
  `${OUTAGES.length} outages of up to ${Math.max(...OUTAGES.map(({ lengthMs }) => lengthMs)) / HOUR_MS} hours: each of ${OBJECTS} objects starts one run (seed ${seedOf(1)})`,
  async () => {
    const startedAt = performance.now();
    const random = seeded(seedOf(1));
    const s3 = new Bucket({ region: 'us-east-1' });
    const starts = new ForgetfulStarts();
    const { client } = environment;
    const config = { ...testConfig, listEveryMs: LIST_EVERY_MS };
    const worker = await startTestWorker(
      { ...environment, client: starts.client, nativeConnection: environment.nativeConnection } as never,
      { s3, searchAttributes: false, config: { listEveryMs: LIST_EVERY_MS } },
    );
    const folder = `in-${++attempts}`;
    const trigger = { pipeline: 'inbox', pattern: `s3://lake/${folder}/**` };
    let nowMs = await environment.currentTimeMs();
    const firstMs = nowMs;
    await addTrigger(client, config, { ...trigger, input: {}, since: new Date(nowMs).toISOString() });

    const plan = [...OUTAGES].sort(() => random() - 0.5);
    const lastsMs = plan.reduce((sum, { lengthMs }) => sum + lengthMs + CALM_MS, 0);
    let late: { arrival: Arrival; atMs: number }[] = [];
    /** Lets time pass, in which objects are uploaded; their events are lost, doubled, and come late. */
    const pass = async (durationMs: number, uploads: boolean) => {
      for (let leftMs = durationMs; leftMs > 0;) {
        const stepMs = Math.min(leftMs, STEP_MS);
        const wantedObjects = ((nowMs - firstMs + stepMs) / lastsMs) * OBJECTS;
        while (uploads && s3.objects.size < Math.min(OBJECTS, wantedObjects)) {
          const etag = whole(random, 0, 2 ** 40)
            .toString(16)
            .padStart(32, '0');
          const object = {
            key: `${folder}/${etag}-${NAME}`,
            etag,
            modifiedMs: Math.floor(nowMs / 1_000) * 1_000,
          };
          s3.put(object);
          const arrival: Arrival = {
            ...{ bucket: 'lake', key: object.key, versionId: null, etag, size: 1 },
            ...{
              sequencer: (0xabcdef00 + s3.objects.size).toString(16),
              time: new Date(nowMs).toISOString(),
            },
          };
          if (s3.isDown.has('events')) continue;
          for (let copies = [0, 1, 1, 1, 2][whole(random, 0, 4)]!; copies > 0; copies--)
            late.push({ arrival, atMs: nowMs + (random() < 0.8 ? 0 : random() * 3 * HOUR_MS) });
        }
        const due = s3.isDown.has('events') ? [] : late.filter(({ atMs }) => atMs <= nowMs);
        late = late.filter((event) => !due.includes(event));
        const accept = createAcceptArrivals(client, { ...config, pipelines: [] });
        await accept(due.map(({ arrival }) => arrival));
        await environment.sleep(stepMs);
        nowMs = await environment.currentTimeMs();
        leftMs -= stepMs;
      }
    };
    for (const { of, lengthMs } of plan) {
      for (const service of of) s3.isDown.add(service);
      await pass(lengthMs, true);
      s3.isDown.clear();
      await pass(CALM_MS, true);
    }
    await pass(LAST_CALM_MS, false);

    const source = client.workflow.getHandle(`arrivals:s3://lake/${folder}/`);
    const statuses = await source.query<TriggerStatus[], []>(triggersQuery);
    await removeTrigger(client, trigger);
    await worker.stop();
    expect(s3.objects.size).toBe(OBJECTS);
    const missing = [...s3.objects.values()].filter(({ etag }) => !starts.startedMs.has(etag));
    const twice = [...starts.startedMs].filter(([, times]) => times.length > 1);
    expect({ missing, twice }).toEqual({ missing: [], twice: [] });
    expect(statuses).toMatchObject([{ setAside: [] }]);
    if (isLong) {
      const days = ((nowMs - firstMs) / DAY_MS).toFixed(1);
      const seconds = Math.round((performance.now() - startedAt) / 1000);
      console.log(
        `${OUTAGES.length} outages in ${days} days, ${OBJECTS} objects, each with one run; ${seconds} s`,
      );
    }
  },
  isLong ? 3_600_000 : 120_000,
);
