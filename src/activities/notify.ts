import type { PublishCommandInput } from '@aws-sdk/client-sns';
import { Context } from '@temporalio/activity';
import { SluiceError } from '../errors';
import { classifyError, toActivityFailure } from '../services/failures';
import type { Cost } from '../setup/prices';
import { isLinkLocal, sendRequest } from '../services/sendRequest';
import type { Activities, Notification } from '../contracts/activities';

export interface NotifyDependencies {
  /** Publishes to an SNS topic. */
  publish(input: PublishCommandInput): Promise<unknown>;
  /** Where a run is told that names no place of its own: an SNS topic or a URL; see `SLUICE_NOTIFY`. */
  target: string | null;
  /** The hosts that a run's own URL may name, besides that of `target`; null: any but link-local ones. See `SLUICE_NOTIFY_HOSTS`. */
  hosts: readonly string[] | null;
  /** Where the Web UI is, for the link to the run. */
  uiUrl: string | null;
  /** What the run and its child runs cost; null: nobody has said what measures cost. */
  readCost(notification: Notification): Promise<Cost | null>;
}

/** A receiver that does not answer must not hold the end of a run. */
const REQUEST_TIMEOUT_MS = 10_000;
/** SNS takes a subject of at most 100 characters of ASCII: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html */
const SUBJECT_LENGTH = 100;

/** `notify` tells an SNS topic or an HTTP endpoint of a run. */
export function createNotifyActivities(deps: NotifyDependencies): Pick<Activities, 'notify'> {
  return {
    async notify(notification, given) {
      const target = given ?? deps.target;
      if (target === null) return;
      const { namespace } = Context.current().info;
      try {
        const cost = await deps.readCost(notification);
        await tell(deps, { target, namespace, notification: { ...notification, ...(cost && { cost }) } });
      } catch (error) {
        throw toActivityFailure(error);
      }
    },
  };
}

/** Tells one place of a run. @throws SluiceError AccessDenied for a place that the worker does not allow, and what the place answers */
export async function tell(
  deps: Omit<NotifyDependencies, 'readCost'>,
  { target, namespace, notification }: { target: string; namespace: string; notification: Notification },
): Promise<void> {
  const body = JSON.stringify({ ...notification, url: urlOf(deps.uiUrl, namespace, notification) });
  if (target.startsWith('arn:')) await deps.publish(snsMessage(target, notification, body));
  else {
    checkHost(target, deps);
    await post(target, body);
  }
}

function urlOf(uiUrl: string | null, namespace: string, { run }: Notification): string | null {
  const parts = [namespace, run.id, run.runId].map(encodeURIComponent);
  return uiUrl && `${uiUrl}/namespaces/${parts[0]}/workflows/${parts[1]}/${parts[2]}/history`;
}

function snsMessage(
  topic: string,
  { event, pipeline, state, run }: Notification,
  body: string,
): PublishCommandInput {
  const text = (value: string) => ({ DataType: 'String', StringValue: value });
  return {
    TopicArn: topic,
    Subject: `${pipeline} ${event === 'ended' ? state : event}: ${run.id}`
      .replace(/[^\x20-\x7e]/g, '?')
      .slice(0, SUBJECT_LENGTH),
    Message: body,
    // Subscriptions filter by them, e.g. failures only.
    MessageAttributes: { event: text(event), pipeline: text(pipeline), state: text(state) },
  };
}

/** @throws SluiceError AccessDenied for a URL whose host the worker does not allow */
function checkHost(target: string, deps: Pick<NotifyDependencies, 'hosts' | 'target'>): void {
  const { host, hostname } = new URL(target);
  if (deps.hosts === null || target === deps.target) return;
  const own = deps.target !== null && !deps.target.startsWith('arn:') ? [new URL(deps.target).host] : [];
  if ([...own, ...deps.hosts].some((allowed) => allowed === host || allowed === hostname)) return;
  throw new SluiceError(
    'AccessDenied',
    `${host} is not among the hosts that may be told; add it to SLUICE_NOTIFY_HOSTS`,
  );
}

/**
 * A URL may hold a secret, so an error names its host alone. A user and a password in it are sent as a header. No redirect is
 * followed: it could lead anywhere.
 */
async function post(target: string, body: string): Promise<void> {
  const url = new URL(target);
  const { host, username, password } = url;
  const login = [username, password].map(decodeURIComponent).join(':');
  url.username = url.password = '';
  const { status } = await sendRequest({
    url: url.href,
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(login === ':' ? {} : { authorization: `Basic ${Buffer.from(login).toString('base64')}` }),
    },
    body,
    timeoutMs: REQUEST_TIMEOUT_MS,
    refuses: isLinkLocal,
  }).catch((error: unknown) => {
    if (error instanceof SluiceError) throw error;
    const { code } = classifyError(error);
    throw new SluiceError(code, `${host} could not be told of the run: ${code}`);
  });
  if (status >= 200 && status < 300) return;
  if (status >= 300 && status < 400)
    throw new SluiceError(
      'InvalidInput',
      `${host} answered ${status} to the notification, and no redirect is followed; give the address that it leads to`,
    );
  throw Object.assign(new Error(`${host} answered ${status} to the notification`), {
    $metadata: { httpStatusCode: status },
  });
}
