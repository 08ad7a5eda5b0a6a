import type { Client, WorkflowHandle } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/common';
import type { Config } from '../setup/config';
import { refuseSecrets } from '../setup/findSecrets';
import { SluiceError } from '../errors';
import {
  arrivalsWorkflowId,
  isObjectPattern,
  OBJECT_PATTERN_NEEDS,
  sourceOf,
  type Source,
} from '../pipelines/location';
import {
  addTriggerSignal,
  arrivalsWorkflowOptions,
  removeTriggerSignal,
  triggersQuery,
  type Trigger,
  type TriggerStatus,
} from '../contracts/messages';

const QUERY_TIMEOUT_MS = 5_000;

/**
 * From now on, each object version that fits the trigger's pattern starts a run of its pipeline, once, on the task queue of
 * `config` unless the trigger names one. The trigger is kept by the `arrivals` workflow of its source until `removeTrigger`.
 * @throws SluiceError InvalidInput for what is no pattern, and for an input that looks as if it held a secret
 */
export async function addTrigger(
  client: Client,
  config: Pick<Config, 'taskQueue' | 'listEveryMs'>,
  trigger: Trigger,
  { allowSecrets = false }: { allowSecrets?: boolean } = {},
): Promise<void> {
  if (!allowSecrets) refuseSecrets(trigger.pipeline, trigger.input);
  await client.workflow.signalWithStart('arrivals', {
    ...arrivalsWorkflowOptions(checkedSource(trigger.pattern), config),
    signal: addTriggerSignal,
    signalArgs: [{ taskQueue: config.taskQueue, ...trigger }],
  });
}

/** @returns whether there was such a trigger; true as well when no worker answers, which alone could tell */
export async function removeTrigger(
  client: Client,
  { pipeline, pattern }: Pick<Trigger, 'pipeline' | 'pattern'>,
): Promise<boolean> {
  const handle = client.workflow.getHandle(arrivalsWorkflowId(checkedSource(pattern)));
  const before = await readTriggers(client, handle).catch(() => null);
  try {
    await handle.signal(removeTriggerSignal, { pipeline, pattern });
  } catch (error) {
    // Nobody listens to the source.
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
  return before?.some((trigger) => trigger.pipeline === pipeline && trigger.pattern === pattern) ?? true;
}

/**
 * Every trigger, as the worker answers.
 * @param onSilent told of each source whose triggers could not be read, as its workflow's id; without it, the first ends all
 */
export async function listTriggers(
  client: Client,
  onSilent?: (workflowId: string, error: unknown) => void,
): Promise<TriggerStatus[]> {
  const triggers: TriggerStatus[] = [];
  const query = `WorkflowType = 'arrivals' AND ExecutionStatus = 'Running'`;
  for await (const { workflowId } of client.workflow.list({ query })) {
    try {
      triggers.push(...(await readTriggers(client, client.workflow.getHandle(workflowId))));
    } catch (error) {
      // It may have ended since it was listed.
      if (error instanceof WorkflowNotFoundError) continue;
      if (onSilent === undefined) throw error;
      onSilent(workflowId, error);
    }
  }
  return triggers;
}

function readTriggers(client: Client, handle: WorkflowHandle): Promise<TriggerStatus[]> {
  return client.withDeadline(Date.now() + QUERY_TIMEOUT_MS, () => handle.query(triggersQuery));
}

function checkedSource(pattern: string): Source {
  if (isObjectPattern(pattern)) return sourceOf(pattern)!;
  throw new SluiceError('InvalidInput', `${pattern} is no pattern of objects; give ${OBJECT_PATTERN_NEEDS}`);
}
