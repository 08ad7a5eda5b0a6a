import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { defaultDataConverter } from '@temporalio/common/lib/converter/data-converter';
import { encodeToPayloads } from '@temporalio/common/lib/internal-non-workflow';
import { readProgress } from '../../../src/cli/readProgress';
import type { AwaitDetails } from '../../../src/contracts/activities';

const client = { options: { loadedDataConverter: defaultDataConverter } } as Client;

async function pending(activity: string, details?: AwaitDetails) {
  const payloads = details && (await encodeToPayloads(defaultDataConverter, details));
  return { activityType: { name: activity }, ...(payloads ? { heartbeatDetails: { payloads } } : {}) };
}

test('how far jobs are is read from the heartbeats of their awaits, by step', async () => {
  const pendingActivities = [
    await pending('awaitJob', { step: 'sales', progress: { percent: 40 }, deaths: 0 }),
    await pending('awaitJob', { deaths: 0 }),
    await pending('awaitJob'),
    await pending('submitJob', { step: 'other', progress: { percent: 1 } }),
  ];
  const raw = { pendingActivities } as WorkflowExecutionDescription['raw'];
  expect(await readProgress(client, raw)).toEqual(new Map([['sales', { percent: 40 }]]));
});
