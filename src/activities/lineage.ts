import { Context } from '@temporalio/activity';
import type { Activities } from '../contracts/activities';
import type { Lineage } from '../services/lineage';
import { toActivityFailure } from '../services/failures';

/** `tellLineage` sends what a run says of itself; jobs tell of themselves, see `jobs.ts`. */
export function createLineageActivities(lineage: Lineage | null): Pick<Activities, 'tellLineage'> {
  return {
    async tellLineage(event) {
      try {
        await lineage?.send(event, Context.current().info.namespace);
      } catch (error) {
        throw toActivityFailure(error);
      }
    },
  };
}
