import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { InvalidArgumentError } from 'commander';
import type { Config } from '../setup/config';
import { SluiceError } from '../errors';
import { arrivalsSeenSignal, arrivalsWorkflowOptions } from '../contracts/messages';

const ANSWER_TIMEOUT_MS = 5_000;
const BACK_WITHIN_MS = 5_000;
const PAUSE_MS = 200;
const KEY = 'test';

/**
 * Sends a test event through a webhook and resolves to what was seen once it has come back. The event is of a bucket
 * that is nobody's, so that no run waits for it; an `arrivals` workflow of that bucket is there while the test lasts, and
 * its history shows the signal, whether a worker runs or not.
 * @param url as of `parseWebhookUrl`
 * @throws SluiceError that says at which point the event was lost
 */
export async function checkWebhook(url: string, client: Client, config: Config): Promise<string> {
  const bucket = `sluice-doctor-${randomUUID()}`;
  const options = arrivalsWorkflowOptions({ bucket, prefix: '' }, config);
  const handle = await client.workflow.start('arrivals', options);
  try {
    const started = performance.now();
    await sendEvent(url, bucket, config.webhook.secrets[0]);
    const answeredMs = Math.round(performance.now() - started);
    if (!(await comesBack(handle))) {
      throw new SluiceError(
        'Transient',
        `${url} took the test event, and it did not come back: does the webhook use the same TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE?`,
      );
    }
    return `${url} answered after ${answeredMs} ms and handed the test event to Temporal`;
  } finally {
    await handle.terminate('The test event of sluice doctor has ended.').catch(() => undefined);
  }
}

/** The address as given when it has a path, else the webhook's own. */
export function parseWebhookUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new InvalidArgumentError('Give an http or https URL, for example https://sluice.example.com.');
  }
  if (url.username !== '' || url.password !== '') {
    throw new InvalidArgumentError('Leave the secret out of the URL, and set SLUICE_WEBHOOK_SECRET.');
  }
  if (url.pathname === '/') url.pathname = '/events';
  return url.href;
}

async function sendEvent(url: string, bucket: string, secret: string | undefined): Promise<void> {
  let response: Response;
  try {
    response = await fetch(url, {
      method: 'POST',
      redirect: 'manual',
      headers: {
        'content-type': 'application/json',
        ...(secret !== undefined && { authorization: `Bearer ${secret}` }),
      },
      body: JSON.stringify({ Records: [testRecord(bucket)] }),
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
  } catch (error) {
    const { cause = error } = error as { cause?: unknown };
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SluiceError('ServerUnreachable', `${url} does not answer (${reason})`, { cause: error });
  }
  const text = await response.text();
  if (response.status === 200) {
    if (countIn(text) === 1) return;
    throw new SluiceError(
      'Transient',
      `${url} answers 200, and not as the webhook does: is something else there?`,
    );
  }
  const reasons: Record<number, string> = {
    401: secret === undefined ? 'it wants a secret' : 'it has another secret than SLUICE_WEBHOOK_SECRET here',
    404: 'the webhook is not at this path',
    503: 'the webhook cannot reach Temporal',
  };
  throw new SluiceError(
    response.status === 401 ? 'AccessDenied' : 'Transient',
    `${url} answers ${response.status}${reasons[response.status] ? `: ${reasons[response.status]}` : ''}`,
  );
}

function countIn(text: string): unknown {
  try {
    return (JSON.parse(text) as { arrivals?: unknown }).arrivals;
  } catch {
    return null;
  }
}

function testRecord(bucket: string) {
  return {
    eventVersion: '2.1',
    eventSource: 'aws:s3',
    eventTime: new Date().toISOString(),
    eventName: 'ObjectCreated:Put',
    s3: { bucket: { name: bucket }, object: { key: KEY, size: 0 } },
  };
}

async function comesBack(handle: WorkflowHandle): Promise<boolean> {
  const deadline = Date.now() + BACK_WITHIN_MS;
  for (;;) {
    const { events } = await handle.fetchHistory();
    // Nobody else knows of the bucket whose workflow this is.
    const isBack = (events ?? []).some(
      ({ workflowExecutionSignaledEventAttributes: signal }) =>
        signal?.signalName === arrivalsSeenSignal.name,
    );
    if (isBack) return true;
    if (Date.now() > deadline) return false;
    await sleep(PAUSE_MS);
  }
}
