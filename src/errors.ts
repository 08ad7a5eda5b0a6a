/**
 * The table of error codes. A code is the `type` of the `ApplicationFailure` that crosses the activity boundary and the
 * `code` that users see; `docs/errors.md` explains each, and a test holds the two together.
 */
export const ERROR_CODES = {
  InvalidInput: 'The input of a run or command is wrong; the message names field, value and remedy.',
  UnknownPipeline: 'No pipeline has this name.',
  InvalidPipeline: 'A pipeline file cannot be used; the message names file, fault and cure.',
  UnknownRun: 'No run has this id.',
  WrongUsage: 'A command was called with wrong options.',
  ServerUnreachable: 'A server (Temporal, S3, Livy) cannot be reached at its address.',
  NoWorker: 'No worker has taken up the work of a run.',
  BrokenPipeline: 'The code of a pipeline cannot go on with a run; it is tried until it can.',
  PortTaken: 'A port that the local stack needs is in use.',
  FolderInUse: 'Another local stack uses the same data folder.',
  MissingTool: 'A program that is needed is not on this machine.',
  ArrivalTimeout: 'The awaited objects did not arrive in time.',
  LateArrival: 'An object came, or was replaced, after the run had taken its objects.',
  ObjectGone: 'An object version that a run has taken is no longer there.',
  Archived: 'An object is archived in S3: it must be restored before it can be read.',
  TooLarge: 'A job, a result or an input has more bytes than Temporal takes; the message names the step.',
  BadData: 'An input file is not what the job expects; the message names file and column.',
  CheckFailed:
    'Rows are not as a check of the pipeline wants them; the message names each rule with what was found.',
  JobFailed: 'The service ran the job and says that it failed.',
  JobStopped: 'The job was stopped in the service, by somebody else than the run.',
  JobTimeout: 'The job did not end within its time-out and was stopped.',
  Overdue: 'A run or step did not end within the time that it was given.',
  JobLost: 'The service no longer knows the job; what it did must be looked at.',
  JobLeaked: 'The job could not be stopped; it may still run. The message has its id and link.',
  InvalidJob: 'The service refused the job: wrong parameters or a missing resource.',
  AccessDenied: 'The service denied access; the message names the action.',
  Credentials: "The worker's credentials are missing, expired or not yet valid, or its clock is wrong.",
  NoEngine: 'The resource has no engine in this mode.',
  Throttled: 'The service asks to slow down.',
  NoCapacity: 'The service has no room for the job now; it waits in line.',
  Transient: 'The service could not answer this time.',
  RunFailed: 'The run ended in a failure that has no code of its own.',
  Unexpected: 'A fault that Sluice has no name for.',
  Cancelled: 'The run or job was cancelled.',
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

/** A history keeps a message several times, and a notification must hold it. */
const MAX_MESSAGE_LENGTH = 8_000;
/** The cure stands at the end. */
const END_LENGTH = 1_000;

/** A message that a history can hold: of a longer one, the beginning and the end. */
export function shortenMessage(message: string): string {
  if (message.length <= MAX_MESSAGE_LENGTH) return message;
  return `${message.slice(0, MAX_MESSAGE_LENGTH - END_LENGTH - 3)} … ${message.slice(-END_LENGTH)}`;
}

const SHOWN_PROBLEMS = 50;

/** One message of many problems: the first of them, one a line, and how many more there are. */
export function listProblems(about: string, problems: readonly string[]): string {
  const left = problems.length - SHOWN_PROBLEMS;
  const lines = problems.slice(0, SHOWN_PROBLEMS).map((problem) => `  ${problem}`);
  return [about, ...lines, ...(left > 0 ? [`  and ${left} more`] : [])].join('\n');
}

/** A failure with a code: a mistake of the user's or a fault of a service, told without a stack trace. */
export class SluiceError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = 'SluiceError';
  }
}

/**
 * What a failure may cost before it is final: until the job's `timeout` or `capacityTimeout`, for as long as `retryFor`,
 * `credentialsFor` or `archivedFor` say, or so many attempts.
 */
export type Budget =
  | 'timeout'
  | 'capacityTimeout'
  | 'retryFor'
  | 'credentialsFor'
  | 'archivedFor'
  | '3 attempts';

/**
 * The failures that are tried again, each with its budgets: while a job is submitted or the worker does its work, and while the
 * service is asked how a job elsewhere stands, which goes on meanwhile. All others are final at once while a job is submitted, and
 * have `retryFor` while it is awaited. The one place that says what is retried; `docs/errors.md` has the same table.
 */
export const BUDGETS = {
  Throttled: { submit: 'timeout', await: 'timeout' },
  NoCapacity: { submit: 'capacityTimeout', await: 'timeout' },
  Transient: { submit: 'retryFor', await: 'timeout' },
  ServerUnreachable: { submit: 'retryFor', await: 'timeout' },
  Credentials: { submit: 'credentialsFor', await: 'credentialsFor' },
  Archived: { submit: 'archivedFor', await: 'archivedFor' },
  Unexpected: { submit: '3 attempts', await: 'retryFor' },
} as const satisfies Partial<Record<ErrorCode, { submit: Budget; await: Budget }>>;

/** The budgets of a failure's class; null for one that is final. */
export function budgetsOf(code: ErrorCode): { submit: Budget; await: Budget } | null {
  return Object.hasOwn(BUDGETS, code) ? BUDGETS[code as keyof typeof BUDGETS] : null;
}

/** Whether a retry of the same call can succeed without anybody changing anything. */
export function isRetryable(code: ErrorCode): boolean {
  return budgetsOf(code) !== null && code !== 'Unexpected' && code !== 'Archived';
}
