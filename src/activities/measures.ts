import type { Client } from '@temporalio/client';
import type { Notification } from '../contracts/activities';
import { statusQuery } from '../contracts/messages';
import { sumMeasures } from '../setup/prices';

type Measures = Record<string, number>;

const QUERY_TIMEOUT_MS = 5_000;

/** The measures of a run with those of its child runs, as far as they answer. */
export async function readMeasures(
  client: Client,
  { run, measures }: Pick<Notification, 'run' | 'measures'>,
): Promise<Measures> {
  const read = async (id: string, runId?: string): Promise<Measures> => {
    const handle = client.workflow.getHandle(id, runId);
    const status = await client.withDeadline(Date.now() + QUERY_TIMEOUT_MS, () => handle.query(statusQuery));
    const children = status.steps.flatMap(({ run: child }) => (child === null ? [] : [child.id]));
    const ofChildren = children.map((child) => read(child).catch((): Measures => ({})));
    return sumMeasures([status.measures, ...(await Promise.all(ofChildren))]);
  };
  return read(run.id, run.runId).catch(() => measures);
}
