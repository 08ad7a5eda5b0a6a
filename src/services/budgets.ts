import { budgetsOf, type Budget, type ErrorCode } from '../errors';

/** How long failures of a class may go on, for a worker or for one job. */
export interface Budgets {
  /** How long a service or server may go on without an answer. */
  retryForMs: number;
  /** How long the worker's credentials may be wrong. */
  credentialsForMs: number;
  /** How long work waits for objects that are archived to be restored; not at all where nobody has said. */
  archivedForMs?: number | undefined;
}

/** A row of failures of one kind. */
export interface FailureRow {
  /** How many there were, the last one included. */
  failures: number;
  /** How long ago the first was. */
  failingMs: number;
}

/** How often a fault is tried that nobody has a name for, or that killed its worker. */
export const UNEXPECTED_ATTEMPTS = 3;

/** Whether a failure is final that came while a job was submitted, the worker did its work, or its service was asked for it. */
export function isBudgetSpent(
  code: ErrorCode,
  phase: 'submit' | 'await',
  { failures, failingMs }: FailureRow,
  { retryForMs, credentialsForMs, archivedForMs = 0 }: Budgets,
): boolean {
  const budget: Budget | null = budgetsOf(code)?.[phase] ?? (phase === 'await' ? 'retryFor' : null);
  switch (budget) {
    case null:
      return true;
    case 'timeout':
    case 'capacityTimeout':
      // The activity's own end.
      return false;
    case 'retryFor':
      return failingMs > retryForMs;
    case 'credentialsFor':
      return failingMs > credentialsForMs;
    case 'archivedFor':
      return failingMs >= archivedForMs;
    case '3 attempts':
      return failures >= UNEXPECTED_ATTEMPTS;
  }
}
