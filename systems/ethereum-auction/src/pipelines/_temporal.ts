import { inWorkflowContext, patched } from '@temporalio/workflow';

/**
 * Whether a check of the input that came later counts: always where a run is started, and in a run unless it began before
 * there was the check, whose history goes on as it is.
 */
export function isChecked(check: string): boolean {
  return !inWorkflowContext() || patched(check);
}
