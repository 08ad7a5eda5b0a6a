import { ApplicationFailure, CancelledFailure } from '@temporalio/activity';
import { isRetryable, SluiceError, type ErrorCode } from '../errors';

const THROTTLED = new Set([
  'ThrottlingException',
  'Throttling',
  'ThrottledException',
  'TooManyRequestsException',
  'RequestLimitExceeded',
  'ProvisionedThroughputExceededException',
  'SlowDown',
]);
const NO_CAPACITY = new Set([
  'ConcurrentRunsExceededException',
  'ResourceNumberLimitExceededException',
  'CrawlerRunningException',
]);
const DENIED = new Set([
  'AccessDeniedException',
  'AccessDenied',
  'UnauthorizedException',
  'UnrecognizedClientException',
  'InvalidSignatureException',
  'SignatureDoesNotMatch',
  'InvalidAccessKeyId',
  'ExpiredToken',
  'ExpiredTokenException',
  'CredentialsProviderError',
]);
const INVALID = new Set([
  'InvalidInputException',
  'ValidationException',
  'InvalidParameterException',
  'InvalidRequestException',
  'EntityNotFoundException',
  'ResourceNotFoundException',
  'NoSuchBucket',
  'InvalidBucketName',
]);
/** S3 answers 400 to a body that came too slowly (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html). */
const TRANSIENT = new Set(['RequestTimeout', 'RequestTimeoutException']);
const NETWORK = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'ENETUNREACH']);
const BROKEN_CONNECTION = new Set([
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EAI_AGAIN',
  'UND_ERR_SOCKET',
  'UND_ERR_CONNECT_TIMEOUT',
]);

interface ServiceError {
  name?: string;
  message?: string;
  code?: string;
  $metadata?: { httpStatusCode?: number };
  cause?: unknown;
  errors?: unknown[];
}

/**
 * The one place that tells failures apart. What is not recognised is transient: a retry costs little, and a job that
 * runs must not be given up for an answer that nobody understands.
 */
export function classifyError(error: unknown): SluiceError {
  if (error instanceof SluiceError) return error;
  const { name = '', message = String(error), code, $metadata } = (error ?? {}) as ServiceError;
  const status = $metadata?.httpStatusCode ?? 0;
  const causeCode = code ?? innerCode(error);
  const of = (errorCode: ErrorCode) =>
    new SluiceError(errorCode, name && name !== 'Error' ? `${name}: ${message}` : message, { cause: error });
  if (THROTTLED.has(name) || status === 429) return of('Throttled');
  if (NO_CAPACITY.has(name)) return of('NoCapacity');
  if (TRANSIENT.has(name)) return of('Transient');
  if (DENIED.has(name)) return of('AccessDenied');
  if (INVALID.has(name)) return of('InvalidJob');
  if (causeCode !== undefined && NETWORK.has(causeCode)) return of('ServerUnreachable');
  if (causeCode !== undefined && BROKEN_CONNECTION.has(causeCode)) return of('Transient');
  if (status === 403) return of('AccessDenied');
  if (status >= 400 && status < 500 && status !== 408) return of('InvalidJob');
  return of('Transient');
}

function innerCode(error: unknown): string | undefined {
  for (let at = error as ServiceError | undefined, depth = 0; at && depth < 5; depth++) {
    if (at.code !== undefined) return at.code;
    at = (at.cause ?? at.errors?.[0]) as ServiceError | undefined;
  }
  return undefined;
}

/**
 * What crosses the activity boundary. `giveUp` makes a retryable failure final: its budget is spent.
 * Cancellation goes through as it is.
 */
export function toActivityFailure(
  error: unknown,
  giveUp: (code: ErrorCode) => boolean = () => false,
  details: unknown[] = [],
): Error {
  if (error instanceof CancelledFailure || error instanceof ApplicationFailure) return error;
  const { code, message } = classifyError(error);
  const nonRetryable = !isRetryable(code) || giveUp(code);
  return ApplicationFailure.create({ type: code, message, nonRetryable, details });
}
