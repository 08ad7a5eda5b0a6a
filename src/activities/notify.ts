import type { PublishCommandInput } from '@aws-sdk/client-sns';
import { Context } from '@temporalio/activity';
import { SluiceError } from '../errors';
import { classifyError, toActivityFailure } from '../services/failures';
import type { Activities, Notification } from '../contracts/activities';

export interface NotifyDependencies {
  /** Publishes to an SNS topic. */
  publish(input: PublishCommandInput): Promise<unknown>;
  /** Where a run is told that names no place of its own: an SNS topic or a URL; see `SLUICE_NOTIFY`. */
  target: string | null;
  /** Where the Web UI is, for the link to the run. */
  uiUrl: string | null;
}

/** A receiver that does not answer must not hold the end of a run. */
const REQUEST_TIMEOUT_MS = 10_000;
/** SNS takes a subject of at most 100 characters of ASCII: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html */
const SUBJECT_LENGTH = 100;

/** `notify` tells an SNS topic or an HTTP endpoint how a run ended. */
export function createNotifyActivities(deps: NotifyDependencies): Pick<Activities, 'notify'> {
  return {
    async notify(notification, given) {
      const target = given ?? deps.target;
      if (target === null) return;
      const url = urlOf(deps.uiUrl, Context.current().info.namespace, notification);
      const body = JSON.stringify({ ...notification, url });
      try {
        if (target.startsWith('arn:')) await deps.publish(snsMessage(target, notification, body));
        else await post(target, body);
      } catch (error) {
        throw toActivityFailure(error);
      }
    },
  };
}

function urlOf(uiUrl: string | null, namespace: string, { run }: Notification): string | null {
  const parts = [namespace, run.id, run.runId].map(encodeURIComponent);
  return uiUrl && `${uiUrl}/namespaces/${parts[0]}/workflows/${parts[1]}/${parts[2]}/history`;
}

function snsMessage(
  topic: string,
  { pipeline, state, run }: Notification,
  body: string,
): PublishCommandInput {
  const text = (value: string) => ({ DataType: 'String', StringValue: value });
  return {
    TopicArn: topic,
    Subject: `${pipeline} ${state}: ${run.id}`.replace(/[^\x20-\x7e]/g, '?').slice(0, SUBJECT_LENGTH),
    Message: body,
    // Subscriptions filter by them, e.g. failures only.
    MessageAttributes: { pipeline: text(pipeline), state: text(state) },
  };
}

/** A URL may hold a secret, so an error names its host alone. */
async function post(target: string, body: string): Promise<void> {
  const { host } = new URL(target);
  const response = await fetch(target, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  }).catch((error: unknown) => {
    const { code } = classifyError(error);
    throw new SluiceError(code, `${host} could not be told how the run ended: ${code}`);
  });
  await response.arrayBuffer();
  if (response.ok) return;
  throw Object.assign(new Error(`${host} answered ${response.status} to the notification`), {
    $metadata: { httpStatusCode: response.status },
  });
}
