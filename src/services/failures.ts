import { ApplicationFailure, CancelledFailure, Context } from '@temporalio/activity';
import { isRetryable, SluiceError, type ErrorCode } from '../errors';
import { redactSecrets } from '../setup/redactSecrets';
import { UNEXPECTED_ATTEMPTS } from './budgets';
import { ERROR_NAMES } from './errorNames';

const NETWORK = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'ENETUNREACH']);
const BROKEN_CONNECTION = new Set([
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EAI_AGAIN',
  'EPROTO',
  'ERR_STREAM_PREMATURE_CLOSE',
]);
/** Answers that mean that the same request may do better later: a conflict, a lock, a request that came too early or slowly. */
const PASSING_STATUS = new Set([408, 409, 423, 425]);
/** Where a fault of Sluice's own is told. */
const REPORT =
  'This is a fault of Sluice or of its machine; see the log of the worker, and report it with this message.';
/** What helps with an object that is archived. */
export const CURE_OF_ARCHIVED =
  'restore it first (s3:RestoreObject), then start again, or give the job the option archivedFor, and it waits';
const MAX_MESSAGE = 8_000;

interface ServiceError {
  name?: string;
  message?: string;
  code?: string;
  $metadata?: { httpStatusCode?: number };
  $fault?: 'client' | 'server';
  cause?: unknown;
  errors?: unknown[];
}

/**
 * The one place that tells failures apart: by the name that a service gives (`errorNames.ts`), by what the network says, and
 * by the status of an answer. What comes from none of them is a fault of our own code or machine, `Unexpected`: a retry may
 * help, and a hundred do not. No message holds a secret.
 */
export function classifyError(error: unknown): SluiceError {
  if (error instanceof SluiceError) {
    const message = redactSecrets(error.message);
    return message === error.message ? error : new SluiceError(error.code, message, { cause: error });
  }
  const { name = '', message = String(error), $metadata, $fault } = asServiceError(error);
  const status = $metadata?.httpStatusCode ?? 0;
  const text = redactSecrets(name && name !== 'Error' ? `${name}: ${message}` : message).slice(
    0,
    MAX_MESSAGE,
  );
  const of = (code: ErrorCode, cure = '') => new SluiceError(code, text + cure, { cause: error });
  const named = ERROR_NAMES.get(name);
  if (status === 429) return of('Throttled');
  if (named === 'Credentials') return of(named, `; ${cureOfCredentials(name)}`);
  if (named === 'Archived') return of(named, `; ${CURE_OF_ARCHIVED}`);
  if (named !== undefined) return of(named);
  const network = codesOf(error)
    .map(codeOfNetwork)
    .find((code) => code !== undefined);
  if (network) return of(network);
  if (status === 403 || status === 401) return of('AccessDenied');
  // The answer of a HEAD has no body that could say more: a wrong region, a clock or a token that is no longer good.
  if (status === 400 && isBare(name, message))
    return of('Credentials', `; the answer says no more. ${cureOfCredentials('')}`);
  if (PASSING_STATUS.has(status)) return of('Transient');
  if (status >= 400 && status < 500) return of('InvalidJob');
  if (status >= 500 || $fault === 'server' || $metadata !== undefined) return of('Transient');
  return of('Unexpected', `. ${REPORT}`);
}

function asServiceError(error: unknown): ServiceError {
  return typeof error === 'object' && error !== null ? error : {};
}

function isBare(name: string, message: string): boolean {
  return ['', 'Error', '400', 'Unknown', 'UnknownError', 'BadRequest'].includes(name) && message.length < 40;
}

function cureOfCredentials(name: string): string {
  return /Skew|InTheFuture|RequestExpired/.test(name)
    ? "set the clock of the worker's machine"
    : "renew the worker's credentials (and see its clock); they are looked up anew at each attempt";
}

/** The codes of an error and of what caused it. */
function codesOf(error: unknown): string[] {
  const codes: string[] = [];
  for (let at: unknown = error, depth = 0; at && depth < 5; depth++) {
    const { code, cause, errors } = asServiceError(at);
    if (typeof code === 'string') codes.push(code);
    at = cause ?? errors?.[0];
  }
  return codes;
}

function codeOfNetwork(code: string): ErrorCode | undefined {
  if (NETWORK.has(code)) return 'ServerUnreachable';
  return BROKEN_CONNECTION.has(code) || code.startsWith('UND_ERR_') ? 'Transient' : undefined;
}

/**
 * What crosses the activity boundary. `giveUp` makes a retryable failure final: its budget is spent. A fault that nobody has a
 * name for is final with the third attempt. Cancellation goes through as it is.
 */
export function toActivityFailure(
  error: unknown,
  giveUp: (code: ErrorCode) => boolean = () => false,
  details: unknown[] = [],
): Error {
  if (error instanceof CancelledFailure) return error;
  if (error instanceof ApplicationFailure) return withoutSecrets(error);
  const { code, message } = classifyError(error);
  const isLast = code !== 'Unexpected' || Context.current().info.attempt >= UNEXPECTED_ATTEMPTS;
  const nonRetryable = (!isRetryable(code) && isLast) || giveUp(code);
  return ApplicationFailure.create({ type: code, message, nonRetryable, details });
}

/** A failure that somebody else has made: what a runner throws. */
function withoutSecrets(failure: ApplicationFailure): ApplicationFailure {
  const message = redactSecrets(failure.message);
  if (message === failure.message) return failure;
  const { type, details, category } = failure;
  const nextRetryDelay = failure.nextRetryDelay as number | undefined;
  const nonRetryable = failure.nonRetryable === true;
  return ApplicationFailure.create({
    ...{ message, nonRetryable, details: details ?? [] },
    ...(type ? { type } : {}),
    ...(nextRetryDelay ? { nextRetryDelay } : {}),
    ...(category ? { category } : {}),
  });
}
