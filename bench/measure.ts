import type { Client } from '@temporalio/client';
import type { Arrival } from '../src/pipelines';
import type { Runner } from '../src/runners/runner';

export const median = (values: number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!;

/** Runs `act` for 0 to `count - 1`, so many at a time. */
export async function each(
  count: number,
  atOnce: number,
  act: (i: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const work = async () => {
    while (next < count) await act(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

/** Until the workflow has no activity under way and its last task is done. */
export async function untilIdle(client: Client, workflowId: string): Promise<void> {
  for (;;) {
    const { raw } = await client.workflow.getHandle(workflowId).describe();
    if ((raw.pendingActivities ?? []).length === 0 && !raw.pendingWorkflowTask) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Jobs that do nothing. @param onSubmit called at each submit */
export function noopRunner(onSubmit: () => void = () => {}): Runner<'duckdb:query'> {
  const resource = 'duckdb:query';
  const nothing = { url: null, output: null, logUrl: null, durationMs: 0, measures: {} };
  return {
    submit({ key }) {
      onSubmit();
      const submittedAt = new Date().toISOString();
      return Promise.resolve({ resource, externalId: key, key, url: null, submittedAt });
    },
    find: () => Promise.resolve(null),
    poll: (_, { externalId }) =>
      Promise.resolve({ state: 'succeeded', result: { resource, externalId, ...nothing } }),
    stop: () => Promise.resolve(),
  };
}

export function arrival(key: string): Arrival {
  return {
    bucket: 'lake',
    key,
    versionId: null,
    etag: String(Math.random()),
    size: 1,
    sequencer: null,
    // A run takes no object of before its own start, which the server may answer some seconds late beside 500 others.
    time: new Date(Date.now() + 60_000).toISOString(),
  };
}
