import { condition, setWorkflowOptions, workflowInfo, type Workflow } from '@temporalio/workflow';

/** How large the history of this workflow has become. */
export interface HistorySize {
  events: number;
  bytes: number;
}

/** A pure state machine that a workflow is a thin loop around. */
export interface Machine {
  /** Whether it has something to say. */
  isDue(nowMs: number, history: HistorySize): boolean;
  /** When something is due by time alone, if nothing happens before: milliseconds since 1970. */
  dueAtMs(nowMs: number): number;
}

export function historySize(): HistorySize {
  const { historyLength: events, historySize: bytes } = workflowInfo();
  return { events, bytes };
}

/** Waits until the machine has something to say, or the code around it is broken. */
export function untilDue(machine: Machine, isBroken: () => boolean): Promise<boolean> {
  const dueAtMs = machine.dueAtMs(Date.now());
  return condition(
    () =>
      isBroken() ||
      machine.isDue(Date.now(), historySize()) ||
      // What has happened since wants an earlier look.
      machine.dueAtMs(Date.now()) < dueAtMs,
    Math.max(1, dueAtMs - Date.now()),
  );
}

/**
 * A workflow that lives longer than any deployment: pinned to the version that it began with, it would go on with that for
 * ever. The server refuses a behaviour from a worker without versioning.
 */
export function outliveDeployments(workflow: Workflow): void {
  setWorkflowOptions(
    () =>
      workflowInfo().currentDeploymentVersion?.deploymentName ? { versioningBehavior: 'AUTO_UPGRADE' } : {},
    workflow,
  );
}
