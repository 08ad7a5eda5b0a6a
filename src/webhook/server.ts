import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import { BlockList, isIP } from 'node:net';
import fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import type { Logger } from 'pino';
import { SluiceError, type ErrorCode } from '../errors';
import type { Arrival } from '../pipelines/arrival';
import { within } from '../services/within';
import { createAuthenticate } from './authenticate';
import { openEnvelope, openSnsMessage, type Envelope } from './envelope';
import { countRecords, countRefusal, countRequest, type Refusal } from './metrics';
import type { Notification } from './s3';
import type { SubscriptionConfirmation } from './sns';
import type { CertificateDependencies } from './snsCertificates';
import { createCheckSignature, isSubscribeUrl, SNS } from './snsSignature';

export interface WebhookDependencies {
  /** Any of them is accepted, so that they can be rotated. With none, and no topic: loopback only. */
  secrets: readonly string[];
  /** ARNs of the SNS topics that are allowed: their signature takes a secret's place. None: any topic, with a secret. */
  topics?: readonly string[];
  /** The address that the caller is going to listen on. */
  host: string;
  /** Resolves when the arrivals are safe: the sender is told so and forgets them. */
  acceptArrivals(arrivals: Arrival[]): Promise<void>;
  isReady(): Promise<boolean>;
  log: Logger;
  /** How SNS is reached, and whose certificates it has. AWS's own, but in tests. */
  sns?: CertificateDependencies;
}

const BODY_LIMIT_BYTES = 256 * 1024;
const HEADER_LIMIT_BYTES = 8 * 1024;
/** EventBridge gives up after 5 s and the gateway after 3 s; an answer in time tells the sender to try again. */
const ACCEPT_TIMEOUT_MS = 1500;
const SIGNATURE_TIMEOUT_MS = 1000;
/** What Temporal does not answer goes on in the background for a while; this bounds how much of it there can be. */
const MAX_PENDING = 1000;
const MAX_CONNECTIONS = 1000;
const MAX_LOGGED_OBJECTS = 20;
const RETRY_AFTER_SECONDS = 5;
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
/** Longer than a load balancer's 60 s, which would else send a request into a connection that is closing. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000;

/** The webhook server, not listening yet. `close()` lets the requests in flight end. */
export function createWebhook(deps: WebhookDependencies): FastifyInstance {
  assertSecrets(deps);
  const { topics = [], sns = SNS } = deps;
  const authenticate = createAuthenticate(deps.secrets, topics.length === 0);
  const checkSignature = createCheckSignature(topics, sns);
  let pending = 0;

  const server = fastify({
    logger: false,
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    forceCloseConnections: 'idle',
    genReqId: () => randomUUID(),
    http: {
      maxHeaderSize: HEADER_LIMIT_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: 2_000,
    },
    clientErrorHandler(error, socket) {
      // No request was made of these bytes, so nothing but the socket can answer.
      if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
      const status =
        error.code === 'HPE_HEADER_OVERFLOW' ? 431 : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400;
      const reason = STATUS_CODES[status] ?? 'Bad Request';
      const body = JSON.stringify(errorBody('InvalidInput', reason));
      const head = `HTTP/1.1 ${status} ${reason}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}`;
      socket.end(`${head}\r\nconnection: close\r\n\r\n${body}`);
    },
  });

  server.server.maxConnections = MAX_CONNECTIONS;

  // S3 by way of SNS says text/plain, others say nothing or nonsense: the body alone decides. Each event route says
  // text/plain for them.
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));

  // A connection whose last answer is given while the server closes would keep it open until it times out.
  let closing = false;
  server.addHook('preClose', (done) => {
    closing = true;
    done();
  });
  server.addHook('onSend', (_request, reply, _payload, done) => {
    if (closing) reply.header('connection', 'close');
    done();
  });

  server.setNotFoundHandler((_request, reply) =>
    sendError(reply, 404, 'InvalidInput', 'There is no such route.'),
  );
  server.setErrorHandler((error: FastifyError | SluiceError, request, reply) => {
    if (error instanceof SluiceError && error.code === 'InvalidInput') {
      deps.log.warn({ requestId: request.id, reason: error.message }, 'webhook refused a request');
      return sendError(reply, 400, error.code, error.message);
    }
    const status = 'statusCode' in error ? (error.statusCode ?? 500) : 500;
    if (status === 413) {
      return sendError(reply, 413, 'InvalidInput', `The body is larger than ${BODY_LIMIT_BYTES / 1024} KiB.`);
    }
    if (status < 500) return sendError(reply, status, 'InvalidInput', STATUS_CODES[status] ?? 'Bad Request');
    deps.log.error({ requestId: request.id, error: describeError(error) }, 'webhook failed');
    return sendError(reply, status, 'Transient', 'The webhook failed; try again.');
  });

  for (const url of ['/events/s3', '/events']) {
    server.route({
      method: 'POST',
      url,
      // Before the body is read.
      onRequest: async (request, reply) => {
        if (!authenticate(request.headers) && !maySign(request)) return refuse(reply, 'secret');
        request.raw.headers['content-type'] = 'text/plain';
      },
      onResponse: (request, reply, done) => {
        countRequest(reply.statusCode);
        const durationMs = Math.round(reply.elapsedTime);
        deps.log.debug(
          { requestId: request.id, url, status: reply.statusCode, durationMs },
          'webhook answered',
        );
        done();
      },
      handler: async (request, reply) => {
        const hasSecret = authenticate(request.headers);
        const envelope = read(request.body, hasSecret);
        if (envelope === null) return refuse(reply, 'signature');
        if (hasSecret) {
          const topic = topicOf(envelope, request);
          if (topic !== null && topics.length > 0 && !topics.includes(topic)) return refuseTopic(reply);
        } else {
          const problem = await check(envelope);
          if (problem === 'unknown') return sendTryAgain(reply, 'The signature could not be checked');
          if (problem !== null) return refuse(reply, problem);
        }
        if (envelope.kind === 'sns' && envelope.message.Type === 'SubscriptionConfirmation') {
          return confirm(envelope.message, request.id, reply);
        }
        const notification =
          envelope.kind === 'sns' ? openSnsMessage(envelope.message) : envelope.notification;
        const accepted = await accept(notification, request.id);
        if (!accepted) return sendTryAgain(reply, 'The arrivals could not be handed on');
        const counts = { arrivals: notification.arrivals.length, ignored: notification.ignored };
        countRecords(counts);
        return counts;
      },
    });
  }

  server.get('/healthz', () => ({ status: 'ok' }));
  server.get('/readyz', async (_request, reply) => {
    const ready = await within(ACCEPT_TIMEOUT_MS, () => deps.isReady()).catch(() => false);
    return ready ? { status: 'ok' } : sendError(reply, 503, 'Transient', 'Temporal cannot be reached.');
  });

  /** Whether SNS may have signed the body. Raw delivery leaves the signature out. */
  function maySign({ headers }: FastifyRequest): boolean {
    return (
      topics.length > 0 &&
      headers['x-amz-sns-message-type'] !== undefined &&
      headers['x-amz-sns-rawdelivery'] === undefined
    );
  }

  /** Null when there is no telling what it is; only who has a secret is told why, by an error. */
  function read(body: unknown, hasSecret: boolean): Envelope | null {
    try {
      return openEnvelope(body);
    } catch (error) {
      if (hasSecret) throw error;
      return null;
    }
  }

  async function check(envelope: Envelope): Promise<Refusal | 'unknown' | null> {
    if (envelope.kind !== 'sns') return 'signature';
    try {
      return await within(SIGNATURE_TIMEOUT_MS, () => checkSignature(envelope.message));
    } catch (error) {
      deps.log.warn({ error: describeError(error) }, 'webhook could not get the certificate of SNS');
      return 'unknown';
    }
  }

  async function confirm(message: SubscriptionConfirmation, requestId: string, reply: FastifyReply) {
    if (!topics.includes(message.TopicArn)) return refuseTopic(reply);
    if (!isSubscribeUrl(message, sns.hosts)) {
      throw new SluiceError('InvalidInput', 'SubscribeURL does not confirm this subscription at SNS.');
    }
    const status = await within(ACCEPT_TIMEOUT_MS, () => sns.fetch(message.SubscribeURL)).then(
      (fetched) => fetched.status,
      () => null,
    );
    deps.log.info(
      { requestId, topic: message.TopicArn, status },
      'webhook asked SNS to confirm a subscription',
    );
    if (status !== 200) return sendTryAgain(reply, 'The subscription could not be confirmed');
    const counts = { arrivals: 0, ignored: 1 };
    countRecords(counts);
    return counts;
  }

  async function accept({ arrivals }: Notification, requestId: string): Promise<boolean> {
    if (arrivals.length === 0) return true;
    if (pending >= MAX_PENDING) return false;
    const objects = arrivals
      .slice(0, MAX_LOGGED_OBJECTS)
      .map(({ bucket, key, versionId }) => ({ bucket, key, versionId }));
    pending += 1;
    try {
      await within(ACCEPT_TIMEOUT_MS, async () => {
        try {
          await deps.acceptArrivals(arrivals);
        } finally {
          pending -= 1;
        }
      });
      deps.log.info({ requestId, count: arrivals.length, objects }, 'webhook took arrivals');
      return true;
    } catch (error) {
      deps.log.error(
        { requestId, objects, error: describeError(error) },
        'webhook could not hand on arrivals',
      );
      return false;
    }
  }

  return server;
}

/** Lets the requests in flight end, for as long as is given; then cuts them off. */
export async function closeWebhook(server: FastifyInstance, timeoutMs = 8_000): Promise<void> {
  const timer = setTimeout(() => server.server.closeAllConnections(), timeoutMs);
  await server.close().finally(() => clearTimeout(timer));
}

/** The topic that a request says it comes from. */
function topicOf(envelope: Envelope, { headers }: FastifyRequest): string | null {
  if (envelope.kind === 'sns') return envelope.message.TopicArn;
  const topic = headers['x-amz-sns-topic-arn'];
  return typeof topic === 'string' ? topic : null;
}

function assertSecrets({ secrets, topics = [], host }: WebhookDependencies): void {
  if (secrets.some((secret) => secret.trim() === '')) {
    throw new SluiceError('InvalidInput', 'A webhook secret is empty; remove it from SLUICE_WEBHOOK_SECRET.');
  }
  if (secrets.length === 0 && topics.length === 0 && !isLoopback(host)) {
    throw new SluiceError(
      'InvalidInput',
      `The webhook would listen on ${host} and let anybody in; set SLUICE_WEBHOOK_SECRET or SLUICE_SNS_TOPICS, or listen on 127.0.0.1.`,
    );
  }
}

function isLoopback(host: string): boolean {
  if (host === 'localhost') return true;
  const family = isIP(host);
  if (family === 0) return false;
  const loopback = new BlockList();
  loopback.addSubnet('127.0.0.0', 8, 'ipv4');
  loopback.addAddress('::1', 'ipv6');
  return loopback.check(host, family === 6 ? 'ipv6' : 'ipv4');
}

function describeError(error: unknown): { name: string; message: string; code?: unknown } {
  if (!(error instanceof Error)) return { name: typeof error, message: 'not an Error' };
  return { name: error.name, message: error.message, ...('code' in error && { code: error.code }) };
}

function errorBody(code: ErrorCode, message: string): { error: { code: ErrorCode; message: string } } {
  return { error: { code, message } };
}

function sendError(reply: FastifyReply, status: number, code: ErrorCode, message: string): FastifyReply {
  return reply.code(status).send(errorBody(code, message));
}

function sendTryAgain(reply: FastifyReply, what: string): FastifyReply {
  reply.header('retry-after', RETRY_AFTER_SECONDS);
  return sendError(reply, 503, 'Transient', `${what}; send the request again.`);
}

/** SNS sends the user and password of a subscription's URL only after it was asked for them. */
function refuse(reply: FastifyReply, reason: Refusal): FastifyReply {
  countRefusal(reason);
  reply.header('www-authenticate', 'Basic realm="sluice"');
  return sendError(reply, 401, 'AccessDenied', 'Access denied.');
}

function refuseTopic(reply: FastifyReply): FastifyReply {
  countRefusal('topic');
  return sendError(reply, 403, 'AccessDenied', 'The topic is not one of SLUICE_SNS_TOPICS.');
}
