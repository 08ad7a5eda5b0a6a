import { Context } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import { classifyError } from '../services/failures';

const DESCRIBE_TIMEOUT_MS = 5_000;

/** How large the history of the run is whose activity is at work; 0 when the server does not say. */
export async function readHistoryBytes(client: Client): Promise<number> {
  const { workflowExecution } = Context.current().info;
  if (workflowExecution === undefined) return 0;
  const { workflowId, runId } = workflowExecution;
  try {
    const { historySize } = await client.withDeadline(Date.now() + DESCRIBE_TIMEOUT_MS, () =>
      client.workflow.getHandle(workflowId, runId).describe(),
    );
    return historySize ?? 0;
  } catch (error) {
    const { message } = classifyError(error);
    Context.current().log.warn('the size of the history could not be read', { error: message });
    return 0;
  }
}
