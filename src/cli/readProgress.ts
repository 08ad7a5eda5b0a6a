import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow';
import type { AwaitDetails, JobProgress } from '../contracts/activities';

/** How far the jobs of a run are, by step: the heartbeats of their awaits say so, and the run itself does not know. */
export async function readProgress(
  { options: { loadedDataConverter } }: Client,
  { pendingActivities }: WorkflowExecutionDescription['raw'],
): Promise<Map<string, JobProgress>> {
  const found = new Map<string, JobProgress>();
  for (const { activityType, heartbeatDetails } of pendingActivities ?? []) {
    if (activityType?.name !== 'awaitJob' || !heartbeatDetails?.payloads?.length) continue;
    const [details] = await decodeArrayFromPayloads(loadedDataConverter, heartbeatDetails.payloads);
    const { step, progress } = (details ?? {}) as AwaitDetails;
    if (step !== undefined && progress) found.set(step, progress);
  }
  return found;
}

/** `40%`, or `objects 3 of 20, records 4500`: what is first is counted up to `of`. */
export function describeProgress({ percent, of, ...counts }: JobProgress): string {
  const parts = Object.entries(counts).flatMap(([name, value], i) => {
    if (value === null) return [];
    return of !== undefined && i === 0 ? `${name} ${value} of ${of}` : `${name} ${value}`;
  });
  return [...(percent === undefined ? [] : [`${percent}%`]), ...parts].join(', ');
}
