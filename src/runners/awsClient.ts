import { lookUpCredentials } from '../setup/credentials';
import { SILENT } from '../setup/quiet';

/**
 * What every client of a runner is made with. One attempt each, since the activities retry; a call that is never answered
 * must not hold up all polls of its service.
 */
export const AWS_CLIENT = {
  credentials: lookUpCredentials,
  maxAttempts: 1,
  logger: SILENT,
  requestHandler: { connectionTimeout: 10_000, requestTimeout: 60_000, throwOnRequestTimeout: true },
};

/** Names of things that are not there: a service that lets us ask answers that it does not know them. */
export const PROBED_NAME = 'sluice-doctor';
export const PROBED_UUID = '00000000-0000-0000-0000-000000000000';
