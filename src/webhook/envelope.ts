/** Finds out by itself what a body is: an S3 event notification, an EventBridge event, or an SNS message around one of them. */
import { SluiceError } from '../errors';
import { isEventBridgeEvent, parseEventBridgeEvent } from './eventBridge';
import { parseS3Notification, relayedEvents, type Notification } from './s3';
import { isSnsMessage, parseSnsMessage, type SnsMessage } from './sns';

export type Envelope =
  | { kind: 's3' | 'eventBridge'; notification: Notification }
  | { kind: 'sns'; message: SnsMessage };

/**
 * An SNS message stays closed: whether it is authentic comes first. Throws `InvalidInput` for everything else that is
 * none of the three.
 */
export function openEnvelope(text: unknown): Envelope {
  const body = parseJson(text, 'body');
  if (isSnsMessage(body)) return { kind: 'sns', message: parseSnsMessage(body) };
  return openEvent(body);
}

/** The event in an SNS message. Confirmations hold none and are counted as ignored. */
export function openSnsMessage(message: SnsMessage): Notification {
  if (message.Type !== 'Notification') return { arrivals: [], ignored: 1 };
  const body = parseJson(message.Message, 'message of the SNS notification');
  if (isSnsMessage(body)) {
    throw new SluiceError('InvalidInput', 'The SNS notification holds an SNS message, and no event of S3.');
  }
  return openEvent(body).notification;
}

/** How often one relay may stand within another: a queue behind a topic is two. */
const MAX_RELAYS = 3;

function openEvent(body: unknown, relays = 0): Extract<Envelope, { notification: Notification }> {
  const relayed = relays < MAX_RELAYS ? relayedEvents(body) : null;
  if (relayed !== null) {
    const opened = relayed.map((text, i) => {
      const event = parseJson(text, `event in Records[${i}]`);
      // A queue that a topic sends to, without raw delivery.
      const inner = isSnsMessage(event)
        ? parseJson((event as { Message: unknown }).Message, `message in Records[${i}]`)
        : event;
      return openEvent(inner, relays + 1);
    });
    const notifications = opened.map(({ notification }) => notification);
    return {
      kind: opened[0]!.kind,
      notification: {
        arrivals: notifications.flatMap(({ arrivals }) => arrivals),
        ignored: notifications.reduce((sum, { ignored }) => sum + ignored, 0),
      },
    };
  }
  return isEventBridgeEvent(body)
    ? { kind: 'eventBridge', notification: parseEventBridgeEvent(body) }
    : { kind: 's3', notification: parseS3Notification(body) };
}

function parseJson(text: unknown, what: string): unknown {
  if (typeof text !== 'string' || text === '') {
    throw new SluiceError('InvalidInput', 'The request has no body.');
  }
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, which belongs into no log.
    throw new SluiceError('InvalidInput', `The ${what} is not JSON.`);
  }
}
