import { QueryNotRegisteredError, type Client } from '@temporalio/client';
import { arrivalsWorkflowOptions } from './activities/arrivals';
import type { Config } from './config';
import { SluiceError } from './errors';
import { arrivalsWorkflowId, parseS3Uri, sourceOf, type Source } from './pipelines/location';
import { addTriggerSignal, removeTriggerSignal, triggersQuery, type Trigger } from './workflows/messages';

const QUERY_TIMEOUT_MS = 5_000;

/**
 * From now on, each object version that fits the trigger's pattern starts a run of its pipeline, once. The trigger is kept
 * by the `arrivals` workflow of its source until `removeTrigger`.
 * @throws SluiceError InvalidInput for what is no pattern
 */
export async function addTrigger(
  client: Client,
  config: Pick<Config, 'taskQueue' | 'listEveryMs'>,
  trigger: Trigger,
): Promise<void> {
  await client.workflow.signalWithStart('arrivals', {
    ...arrivalsWorkflowOptions(checkedSource(trigger.pattern), config),
    signal: addTriggerSignal,
    signalArgs: [trigger],
  });
}

/** @throws WorkflowNotFoundError when nobody listens to the source */
export async function removeTrigger(
  client: Client,
  trigger: Pick<Trigger, 'pipeline' | 'pattern'>,
): Promise<void> {
  const id = arrivalsWorkflowId(checkedSource(trigger.pattern));
  await client.workflow.getHandle(id).signal(removeTriggerSignal, trigger);
}

/** Every trigger, as the worker answers. */
export async function listTriggers(client: Client): Promise<Trigger[]> {
  const triggers: Trigger[] = [];
  const query = `WorkflowType = 'arrivals' AND ExecutionStatus = 'Running'`;
  for await (const { workflowId } of client.workflow.list({ query })) {
    try {
      const handle = client.workflow.getHandle(workflowId);
      triggers.push(
        ...(await client.withDeadline(Date.now() + QUERY_TIMEOUT_MS, () => handle.query(triggersQuery))),
      );
    } catch (error) {
      // Started by a worker that knew no triggers yet.
      if (!(error instanceof QueryNotRegisteredError)) throw error;
    }
  }
  return triggers;
}

function checkedSource(pattern: string): Source {
  const source = sourceOf(pattern);
  if (source !== null && parseS3Uri(pattern)!.key !== '') return source;
  throw new SluiceError(
    'InvalidInput',
    `${pattern} is no pattern of objects; give one such as s3://lake/sales/*.csv`,
  );
}
