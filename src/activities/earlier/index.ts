import type { Activities } from '../../contracts/activities';
import { SluiceError } from '../../errors';
import { toActivityFailure } from '../../services/failures';
import { beating } from '../beating';
import { readEarlierPage, type EarlierDependencies } from './earlierSteps';

export {
  Judge,
  readCandidates,
  type Candidate,
  type EarlierDependencies,
  type Judgement,
} from './earlierSteps';
export { planRetry, type PlannedStep, type RetryChoice } from './planRetry';
export { findRetried, startRetry } from './startRetry';
export { readRunHistory, type HistoryJob, type RunHistory } from './runHistory';

/** What a retry is told of the run that it goes on with. */
export function createEarlierActivities(deps: EarlierDependencies): Pick<Activities, 'readEarlier'> {
  return {
    readEarlier: (retryOf, first) =>
      beating(async (signal) => {
        try {
          return await readEarlierPage(deps, retryOf, { first, signal });
        } catch (error) {
          throw toActivityFailure(toPassing(error));
        }
      }),
  };
}

/** What Temporal's own server could not answer this time: https://grpc.io/docs/guides/status-codes */
function toPassing(error: unknown): unknown {
  const { code } = ((error as { cause?: unknown }).cause ?? error) as { code?: unknown };
  const isPassing = code === 4 || code === 8 || code === 14;
  return isPassing ? new SluiceError('Transient', (error as Error).message, { cause: error }) : error;
}
