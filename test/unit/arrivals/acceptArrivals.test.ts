import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { createAcceptArrivals } from '../../../src/arrivals/acceptArrivals';
import type { Arrival } from '../../../src/pipelines';
import { SHIPPED_PIPELINES } from '../../../src/workflows/shipped';

/** A strict double of a client: it knows which workflows are there, and holds each signal until it is let go. */
class SignalClient {
  readonly signals: { id: string; keys: string[] }[] = [];
  readonly asked: string[] = [];
  answer: () => Promise<void> = () => Promise.resolve();

  constructor(private readonly open: string[]) {}

  readonly client = {
    withDeadline: <T>(_: unknown, act: () => Promise<T>) => act(),
    workflow: {
      signalWithStart: (
        _: string,
        { workflowId, signalArgs }: { workflowId: string; signalArgs: [Arrival[]] },
      ) => this.take(workflowId, signalArgs[0]),
      getHandle: (id: string) => ({
        signal: (_: unknown, arrivals: Arrival[]) => {
          this.asked.push(id);
          if (!this.open.includes(id))
            return Promise.reject(new WorkflowNotFoundError('gone', id, undefined));
          return this.take(id, arrivals);
        },
      }),
    },
  } as unknown as Client;

  private take(id: string, arrivals: Arrival[]): Promise<void> {
    this.signals.push({ id, keys: arrivals.map(({ key }) => key) });
    return this.answer();
  }
}

const SALES = 'arrivals:s3://lake/sales/';
const config = { taskQueue: 'test', listEveryMs: 1_000, lake: 's3://lake', pipelines: SHIPPED_PIPELINES };
const arrival = (key: string): Arrival => {
  const time = '2025-03-01T12:00:00Z';
  return { bucket: 'lake', key, versionId: null, etag: 'e', size: 1, sequencer: null, time };
};

test('what comes together goes in one signal a source', async () => {
  const { client, signals } = new SignalClient([]);
  const accept = createAcceptArrivals(client, config);
  await Promise.all([accept([arrival('sales/a'), arrival('sales/b')]), accept([arrival('sales/c')])]);
  expect(signals).toEqual([{ id: SALES, keys: ['sales/a', 'sales/b', 'sales/c'] }]);
});

test('a signal holds 500 arrivals, and the rest follows', async () => {
  const { client, signals } = new SignalClient([]);
  const accept = createAcceptArrivals(client, config);
  await Promise.all(Array.from({ length: 1_200 }, (_, i) => accept([arrival(`sales/${i}`)])));
  expect(signals.map(({ keys }) => keys.length)).toEqual([500, 500, 200]);
});

test('a request is answered when its own signal was accepted, and refused when it was not', async () => {
  const double = new SignalClient([]);
  const accept = createAcceptArrivals(double.client, config);
  double.answer = () => Promise.reject(new Error('Temporal is down'));
  await expect(accept([arrival('sales/a')])).rejects.toThrow('Temporal is down');
  double.answer = () => Promise.resolve();
  await accept([arrival('sales/a')]);
  expect(double.signals).toHaveLength(2);
});

test('more is refused while too much waits for Temporal', async () => {
  const double = new SignalClient([]);
  let letGo = () => {};
  const held = new Promise<void>((resolve) => (letGo = resolve));
  double.answer = () => held;
  const accept = createAcceptArrivals(double.client, config);
  const many = Array.from({ length: 5_000 }, (_, i) => arrival(`sales/${i}`));
  const accepted = [accept(many), accept(many)];
  await expect(accept(many)).rejects.toThrow('wait for Temporal already');
  letGo();
  await Promise.all(accepted);
  await accept([arrival('sales/last')]);
});

test('a source that nobody waits on is asked once in a while, not for each event', async () => {
  const double = new SignalClient([]);
  const accept = createAcceptArrivals(double.client, config);
  await accept([arrival('other/x/a')]);
  await accept([arrival('other/x/b')]);
  expect(double.asked.sort()).toEqual(
    ['', 'other/', 'other/x/'].map((prefix) => `arrivals:s3://lake/${prefix}`),
  );
});

test('an object in folders with names of any length is accepted, for the sources above it', async () => {
  const deep = Array.from({ length: 5 }, (_, i) => String(i).repeat(200)).join('/');
  const { client, asked } = new SignalClient([]);
  await createAcceptArrivals(client, config)([arrival(`${deep}/a.csv`)]);
  expect(asked).toHaveLength(5);
  expect(Math.max(...asked.map((id) => Buffer.byteLength(id)))).toBeLessThanOrEqual(1_000);
});
