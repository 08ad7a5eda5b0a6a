import type { Client, WorkflowHandle } from '@temporalio/client';

/** Resets a run to its first or last completed workflow task, as a user does in the Web UI; answers the run that goes on. */
export async function resetRun(
  client: Client,
  run: WorkflowHandle,
  to: 'first task' | 'last task',
): Promise<WorkflowHandle> {
  const { events } = await run.fetchHistory();
  const tasks = events!.filter((event) => event.workflowTaskCompletedEventAttributes);
  await client.workflowService.resetWorkflowExecution({
    namespace: client.options.namespace,
    workflowExecution: { workflowId: run.workflowId },
    workflowTaskFinishEventId: tasks.at(to === 'first task' ? 0 : -1)!.eventId!,
    requestId: run.workflowId,
    reason: 'a test',
  });
  return client.workflow.getHandle(run.workflowId);
}
