import { createHash } from 'node:crypto';
import { createServer, request as send, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { AddressInfo } from 'node:net';

export interface Write {
  method: string;
  /** Without the query: `/bucket/key` of S3, `/batches` of Livy. */
  path: string;
}

/**
 * Passes requests on to a service, and keeps those that changed something. `written` is called when the service has done
 * it and before the client hears of it, once for the same change: same object, same content.
 */
export async function startWatchedHttp(target: string, written: (write: Write) => Promise<void>) {
  const writes: Write[] = [];
  const seen = new Set<string>();
  const pass = async (request: IncomingMessage, response: ServerResponse) => {
    const { method = '', url = '', headers } = request;
    // Whole or not at all: a client that dies half way has sent nothing.
    const body = await buffer(request);
    const answer = await new Promise<IncomingMessage>((resolve, reject) =>
      // The host as the client has signed it.
      send(target + url, { method, headers, setHost: false }, resolve)
        .once('error', reject)
        .end(body),
    );
    const content = await buffer(answer);
    const write = { method, path: decodeURIComponent(url.split('?')[0]!) };
    if (['PUT', 'POST', 'DELETE'].includes(method) && answer.statusCode! < 300) {
      writes.push(write);
      const digest = createHash('sha256').update(body).digest('hex');
      const change = `${method} ${url} ${digest}`;
      if (!seen.has(change)) {
        seen.add(change);
        await written(write);
      }
    }
    response.writeHead(answer.statusCode!, answer.rawHeaders).end(content);
  };
  const server = createServer((request, response) => {
    pass(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    writes,
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
