/** A wait with a marker over more objects than a history is meant for: taken whole, or refused before the server ends the run. */
import { HeadObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { arrivedSignal, statusQuery } from '../../../src/contracts/messages';
import { quietRuntime, startServer, startTestWorker } from '../../support/environment';
import { eventually } from '../../support/eventually';
import { describeLong } from '../../support/long';

/** A folder of so many objects, none of which is anywhere. */
class Folder extends S3Client {
  constructor(private readonly objects: number) {
    super({ region: 'us-east-1' });
  }

  override send = ((command: { constructor: { name: string } }) => {
    if (command instanceof HeadObjectCommand) return Promise.resolve({});
    if (!(command instanceof ListObjectsV2Command)) return Promise.resolve({});
    const { StartAfter = 'many/', ContinuationToken = StartAfter } = command.input;
    const first = Number(/(\d+)$/.exec(ContinuationToken)?.[1] ?? -1) + 1;
    const count = Math.max(0, Math.min(1_000, this.objects - first));
    const keys = Array.from({ length: count }, (_, i) => `many/day-${String(first + i).padStart(8, '0')}`);
    const isTruncated = first + count < this.objects;
    const LastModified = new Date();
    return Promise.resolve({
      Contents: keys.map((Key) => ({ Key, Size: 1, ETag: `"${Key.slice(-8).repeat(4)}"`, LastModified })),
      IsTruncated: isTruncated,
      ...(isTruncated ? { NextContinuationToken: keys.at(-1) } : {}),
    });
  }) as unknown as S3Client['send'];
}

let runs = 0;

describeLong('a marker', () => {
  let environment: TestWorkflowEnvironment;
  beforeAll(async () => {
    quietRuntime();
    environment = await startServer();
  }, 120_000);
  afterAll(() => environment?.teardown());

  async function play(objects: number) {
    const worker = await startTestWorker(environment, {
      s3: new Folder(objects),
      searchAttributes: false,
      config: { listEveryMs: 3_600_000 },
    });
    const complete = JSON.stringify({ marker: 'many/_SUCCESS' });
    const run = await environment.client.workflow.start('inbox', {
      ...{ taskQueue: 'test', workflowId: `many-${++runs}` },
      args: [{ pattern: 's3://lake/many/*', complete }, {}],
    });
    const time = new Date(Date.now() + 1_000).toISOString();
    const name = { bucket: 'lake', key: 'many/_SUCCESS', versionId: null, etag: 'e' };
    await run.signal(arrivedSignal, [{ ...name, size: 0, sequencer: null, time }]);
    const { steps } = await eventually(
      () => run.query(statusQuery),
      (status) => status.state !== 'running',
      { deadlineMs: 900_000, pauseMs: 2_000 },
    );
    const { historyLength } = await run.describe();
    await worker.stop();
    return { step: steps[0]!, historyLength };
  }

  test('over 110,000 objects takes them', async () => {
    const { step, historyLength } = await play(110_000);
    expect(step).toMatchObject({ state: 'succeeded' });
    expect(step.objects).toHaveLength(1_000);
    expect(historyLength).toBeLessThan(2_000);
  }, 1_000_000);

  test('over more objects than a history holds fails the run with its cure', async () => {
    const { step } = await play(300_000);
    expect(step).toMatchObject({
      state: 'failed',
      failure: {
        code: 'BadData',
        message: expect.stringContaining('more objects than the history of a run'),
      },
    });
  }, 1_000_000);
});
