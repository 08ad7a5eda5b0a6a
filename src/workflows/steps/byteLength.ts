import { workflowInfo } from '@temporalio/workflow';
import { MAX_HISTORY_BYTES, MAX_HISTORY_EVENTS } from '../../contracts/historyRoom';
import { describeExcess, MAX_PAYLOAD_BYTES } from '../../contracts/payloadSize';
import { asApplicationFailure } from './failures';

/**
 * Refuses what Temporal would refuse: then the run could go neither on nor back.
 * @param what as a message begins with it
 * @throws ApplicationFailure TooLarge
 */
export function checkSize(value: unknown, what: string, step: string | null): void {
  const bytes = value === undefined ? 0 : byteLength(value);
  if (bytes <= MAX_PAYLOAD_BYTES) return;
  const cure = 'Write the data to the lake, and hand on where they are';
  throw asApplicationFailure({
    code: 'TooLarge',
    message: `${what} has ${describeExcess(bytes)}. ${cure}.`,
    step,
  });
}

/**
 * Refuses to begin a step that the history may have no room for.
 * @throws ApplicationFailure TooLarge
 */
export function checkHistory(step: string): void {
  const { historySize: bytes, historyLength: events } = workflowInfo();
  if (bytes <= MAX_HISTORY_BYTES && events <= MAX_HISTORY_EVENTS) return;
  throw asApplicationFailure({
    code: 'TooLarge',
    message:
      `The history of the run has ${Math.floor(bytes / 1024 / 1024)} MiB and ${events} events before ${step}; Temporal takes 50 MiB and 51200. ` +
      'Have jobs write their results to the lake, or run many of them by mapJobs or in child runs.',
    step,
  });
}

/** How many bytes a value has as JSON. */
export function byteLength(value: unknown): number {
  return new TextEncoder().encode(JSON.stringify(value)).length;
}
