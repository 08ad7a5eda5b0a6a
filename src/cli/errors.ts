import {
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  WorkflowExecutionAlreadyStartedError,
} from '@temporalio/client';
import { NamespaceNotFoundError, WorkflowNotFoundError } from '@temporalio/common';
import type { CommanderError } from 'commander';
import { SluiceError, type ErrorCode } from '../errors';
import { ERROR_NAMES } from '../services/errorNames';
import { redactSecrets } from '../setup/redactSecrets';

/** `interrupted` is the shell's own number for Ctrl-C: the run that was waited for goes on. */
export const EXIT = { ok: 0, failed: 1, usage: 2, unreachable: 3, interrupted: 130 } as const;

/** What a person or a script sees of an error. */
export interface CommandError {
  code: ErrorCode;
  message: string;
  exitCode: number;
}

const EXIT_CODES: Partial<Record<ErrorCode, number>> = {
  InvalidInput: EXIT.usage,
  TooLarge: EXIT.usage,
  UnknownPipeline: EXIT.usage,
  InvalidPipeline: EXIT.usage,
  UnknownRun: EXIT.usage,
  WrongUsage: EXIT.usage,
  PortTaken: EXIT.usage,
  FolderInUse: EXIT.usage,
  MissingTool: EXIT.usage,
  ServerUnreachable: EXIT.unreachable,
};

// https://grpc.io/docs/guides/status-codes
const GRPC: Record<number, ErrorCode> = {
  3: 'InvalidInput',
  4: 'ServerUnreachable',
  5: 'InvalidInput',
  7: 'AccessDenied',
  8: 'Throttled',
  9: 'InvalidInput',
  14: 'ServerUnreachable',
  16: 'AccessDenied',
};

const CURES: Partial<Record<ErrorCode, string>> = {
  ServerUnreachable: ' See "sluice doctor" for which server is down.',
  AccessDenied: ' See "sluice doctor" for the credentials in use.',
};

export function wrongUsage(error: CommanderError): SluiceError {
  const message = error.message.replace(/^error: /, '').replace(/\n/g, ' ');
  return new SluiceError('WrongUsage', `${message} (see --help)`);
}

/** The one place that turns an error of any library into code, message and exit code; it holds no secret. */
export function toCommandError(error: unknown): CommandError {
  const { code, message: reason } = describeError(error);
  const message = redactSecrets(
    error instanceof SluiceError || code === 'Unexpected' ? reason : `${reason}${CURES[code] ?? ''}`,
  );
  return { code, message, exitCode: code === 'Unexpected' ? EXIT.failed : (EXIT_CODES[code] ?? EXIT.failed) };
}

/** Code and reason, without what to do about it. */
export function describeError(error: unknown): Pick<CommandError, 'code' | 'message'> {
  if (error instanceof SluiceError) return error;
  if (error instanceof WorkflowNotFoundError) {
    return {
      code: 'UnknownRun',
      message: `No run has the id ${error.workflowId}. See the runs with: sluice list`,
    };
  }
  if (error instanceof WorkflowExecutionAlreadyStartedError) {
    const cure = `Give another --id, or end it first with: sluice cancel ${error.workflowId}`;
    return { code: 'InvalidInput', message: `A run with the id ${error.workflowId} is running. ${cure}` };
  }
  if (error instanceof ScheduleNotFoundError) {
    const cure = 'See the schedules with: sluice schedule list';
    return { code: 'InvalidInput', message: `No schedule has the id ${error.scheduleId}. ${cure}` };
  }
  if (error instanceof ScheduleAlreadyRunning) {
    const cure = `Give another --id, or delete it first with: sluice schedule delete ${error.scheduleId}`;
    return { code: 'InvalidInput', message: `A schedule with the id ${error.scheduleId} exists. ${cure}` };
  }
  if (error instanceof NamespaceNotFoundError) {
    const cure = 'Set TEMPORAL_NAMESPACE to one that exists.';
    return { code: 'InvalidInput', message: `Temporal has no namespace ${error.namespace}. ${cure}` };
  }
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth++) {
    const known = classifyGrpc(cause) ?? classifyAws(cause) ?? classifyNetwork(cause) ?? classifyFile(cause);
    if (known) return known;
  }
  return { code: 'Unexpected', message: error instanceof Error ? error.message : String(error) };
}

interface Known {
  code: ErrorCode;
  message: string;
}

function classifyGrpc(error: Error): Known | null {
  const { code, details } = error as { code?: unknown; details?: unknown };
  if (typeof code !== 'number' || typeof details !== 'string') return null;
  const known = GRPC[code];
  if (known === undefined) return null;
  const isNamespace = code === 5 && /namespace/i.test(details);
  return {
    code: known,
    message: `Temporal: ${details}${isNamespace ? ' Set TEMPORAL_NAMESPACE to one that exists.' : ''}`,
  };
}

/** The AWS SDK's errors, from any of its clients. */
function classifyAws(error: Error): Known | null {
  if (error.name === 'CredentialsProviderError') {
    return { code: 'AccessDenied', message: `AWS: ${error.message}. Set credentials as for the AWS CLI.` };
  }
  if (error.message === 'Region is missing') {
    return {
      code: 'InvalidInput',
      message: 'AWS: no region is set. Set AWS_REGION, or a region in the AWS profile.',
    };
  }
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
  if (status === undefined) return null;
  const message = `AWS: ${error.name}: ${error.message}`;
  if (status === 401 || status === 403) return { code: 'AccessDenied', message };
  if (status === 404) return { code: 'InvalidInput', message };
  const named = ERROR_NAMES.get(error.name);
  if (named === 'Credentials') return { code: 'AccessDenied', message };
  // What the service calls wrong: a key that it cannot have, a name that is none.
  if (
    status === 400 &&
    (named === undefined || named === 'InvalidJob') &&
    !/^(?:400|Unknown|BadRequest)/.test(error.name)
  )
    return { code: 'InvalidInput', message };
  return { code: 'Transient', message };
}

function classifyNetwork(error: Error): Known | null {
  const { code } = error as NodeJS.ErrnoException;
  // What the AWS SDK and a signal call a request that nobody answers.
  if (error.name === 'TimeoutError')
    return {
      code: 'ServerUnreachable',
      message: `A server does not answer: ${withoutPackage(error.message)}.`,
    };
  const isNetwork = [
    'ECONNREFUSED',
    'ECONNRESET',
    'ENOTFOUND',
    'EAI_AGAIN',
    'ETIMEDOUT',
    'EHOSTUNREACH',
  ].includes(code ?? '');
  return isNetwork
    ? { code: 'ServerUnreachable', message: `A server cannot be reached: ${error.message || code}.` }
    : null;
}

/** What the file system says of a path that cannot be what a command needs. */
const PATH_PROBLEMS: Record<string, string> = {
  EACCES: 'access to it is denied',
  EEXIST: 'it is there and no folder',
  EISDIR: 'it is a folder and no file',
  ENAMETOOLONG: 'the name is too long',
  ENOTDIR: 'what it lies in is no folder',
  EROFS: 'it cannot be written: its file system is read-only',
};

/** Of an error of `node:fs`, whose message ends in the call and the path; not all of them have the path as a field. */
function classifyFile(error: Error): Known | null {
  const { code = '' } = error as NodeJS.ErrnoException;
  const path = /^[A-Z]+: [^']*, \w+ '(.*?)'(?: -> '.*')?$/s.exec(error.message)?.[1];
  const problem = PATH_PROBLEMS[code];
  if (path === undefined || problem === undefined) return null;
  return { code: 'InvalidInput', message: `${path}: ${problem}; give another path.` };
}

/** The AWS SDK says first which of its parts is speaking. */
function withoutPackage(message: string): string {
  return message
    .replace(/^@smithy\/\S+ - (?:\[\w+\] )?/, '')
    .replace(/(?: \((?:service|configured)[^)]{0,80}\))?\.?$/, '');
}
