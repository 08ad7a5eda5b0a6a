import type { PublishCommandInput } from '@aws-sdk/client-sns';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createNotifyActivities } from '../../../src/activities/notify';
import type { Notification } from '../../../src/contracts/activities';
import { freePort } from '../../../src/local';
import { quietRuntime } from '../../support/environment';

const TOPIC = 'arn:aws:sns:eu-west-1:123456789012:runs';
const notification: Notification = {
  pipeline: 'reviews-export',
  run: { id: 'nightly ü/1', runId: 'r1' },
  state: 'failed',
  failure: { code: 'JobFailed', message: 'no such column', step: 'convert' },
  startedAt: '2026-01-01T00:00:00.000Z',
  endedAt: '2026-01-01T00:10:00.000Z',
  measures: { DPUSeconds: 3 },
};

beforeAll(quietRuntime);

async function publishedFor(target: string | null, given: string | null): Promise<PublishCommandInput[]> {
  const published: PublishCommandInput[] = [];
  const { notify } = createNotifyActivities({
    publish: async (input) => void published.push(input),
    target,
    uiUrl: 'https://ui.example.com',
  });
  await new MockActivityEnvironment().run(notify, notification, given);
  return published;
}

test('a topic gets a subject of plain ASCII, attributes to filter by, and the whole as JSON', async () => {
  const [message] = await publishedFor(null, TOPIC);
  expect(message).toMatchObject({
    TopicArn: TOPIC,
    Subject: 'reviews-export failed: nightly ?/1',
    MessageAttributes: {
      state: { DataType: 'String', StringValue: 'failed' },
      pipeline: { DataType: 'String', StringValue: 'reviews-export' },
    },
  });
  expect(JSON.parse(message!.Message!)).toEqual({
    ...notification,
    url: 'https://ui.example.com/namespaces/test/workflows/nightly%20%C3%BC%2F1/r1/history',
  });
});

test("the worker's own place is told when the run names none", async () => {
  expect(await publishedFor(TOPIC, null)).toHaveLength(1);
  expect(await publishedFor(null, null)).toHaveLength(0);
});

test('an error names the host of a URL and nothing else of it, since it may hold a secret', async () => {
  const port = await freePort();
  const { notify } = createNotifyActivities({
    publish: async () => {},
    target: `http://127.0.0.1:${port}/hooks/very-secret`,
    uiUrl: null,
  });
  const error = await new MockActivityEnvironment().run(notify, notification, null).then(
    () => null,
    (caught: Error) => caught,
  );
  expect(error).toMatchObject({ type: 'ServerUnreachable' });
  expect(error!.message).toContain(`127.0.0.1:${port}`);
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('very-secret');
});
