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

/** How many bytes a value has as JSON. */
export function byteLength(value: unknown): number {
  return new TextEncoder().encode(JSON.stringify(value)).length;
}
