import type { Payload, PayloadCodec } from '@temporalio/common';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { SluiceError } from '../errors';
import { createAuthenticate } from '../webhook/authenticate';

export interface CodecServerOptions {
  codec: PayloadCodec;
  /** Any of them lets a caller in. With none: whoever reaches the server, which is to listen on loopback. */
  secrets: readonly string[];
  /** The addresses of the Web UIs whose pages may ask, such as `https://temporal.example.com`. */
  origins: readonly string[];
}

/** The Web UI asks for a page of a history at once. */
const BODY_LIMIT_BYTES = 32 * 1024 * 1024;

/** A payload as JSON: its bytes in base64. */
interface EncodedPayload {
  metadata?: Record<string, string>;
  data?: string;
}

/**
 * The remote data encoder of the Web UI and of the command `temporal`: `POST /decode` and `POST /encode`, also below the name
 * of a namespace (https://docs.temporal.io/remote-data-encoding). Not listening yet.
 */
export function createCodecServer({ codec, secrets, origins }: CodecServerOptions): FastifyInstance {
  const authenticate = createAuthenticate(secrets, true);
  const server = fastify({ logger: false, bodyLimit: BODY_LIMIT_BYTES });

  const isAllowed = ({ headers }: FastifyRequest): boolean => {
    const { origin } = headers;
    if (origin !== undefined && !origins.includes(origin)) return false;
    return secrets.length === 0 || authenticate(headers);
  };

  server.addHook('onRequest', async (request, reply) => {
    const { origin } = request.headers;
    if (origin !== undefined && origins.includes(origin))
      reply.headers({
        'access-control-allow-origin': origin,
        'access-control-allow-credentials': 'true',
        'access-control-allow-headers': 'authorization, content-type, x-namespace, x-sluice-secret',
        'access-control-allow-methods': 'POST',
        vary: 'origin',
      });
    // A browser asks first, without what the request itself will have.
    if (request.method === 'OPTIONS') return reply.code(204).send();
    if (request.url !== '/healthz' && !isAllowed(request))
      return sendError(reply, 401, new SluiceError('AccessDenied', 'Access denied.'));
  });
  server.setErrorHandler((error, _request, reply) => {
    const status = (error as { statusCode?: number }).statusCode ?? 400;
    return sendError(reply, status, error);
  });

  server.get('/healthz', () => ({ status: 'ok' }));
  for (const verb of ['decode', 'encode'] as const)
    for (const url of [`/${verb}`, `/:namespace/${verb}`])
      server.post(url, async ({ body }) => ({
        payloads: (await codec[verb](readPayloads(body))).map(writePayload),
      }));
  return server;
}

function sendError(reply: FastifyReply, status: number, error: unknown): FastifyReply {
  const { message } = error as Error;
  const code = error instanceof SluiceError ? error.code : 'InvalidInput';
  return reply.code(status).send({ error: { code, message } });
}

/** @throws SluiceError InvalidInput */
function readPayloads(body: unknown): Payload[] {
  const { payloads } = (body ?? {}) as { payloads?: EncodedPayload[] };
  if (!Array.isArray(payloads))
    throw new SluiceError('InvalidInput', 'The body is none; send {"payloads": [{"metadata", "data"}]}.');
  return payloads.map(({ metadata = {}, data = '' }) => ({
    metadata: mapValues(metadata, (value) => Buffer.from(value, 'base64')),
    data: Buffer.from(data, 'base64'),
  }));
}

function writePayload({ metadata, data }: Payload): EncodedPayload {
  return {
    metadata: mapValues(metadata ?? {}, (value) => Buffer.from(value).toString('base64')),
    data: Buffer.from(data ?? []).toString('base64'),
  };
}

function mapValues<From, To>(values: Record<string, From>, map: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, map(value)]));
}
