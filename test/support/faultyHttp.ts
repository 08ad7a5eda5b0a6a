import { createServer, request as send, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** What becomes of a request: it does not arrive, its answer does not, or another answers in its place. */
export type HttpFault = 'cut' | 'answer lost' | { status: number; body: string };

/** Passes requests on to `target`, but for those that `faultOf` has something else for. */
export async function startFaultyHttp(
  target: string,
  faultOf: (request: IncomingMessage) => HttpFault | null,
) {
  const pass = async (request: IncomingMessage, response: ServerResponse) => {
    const { method = '', url = '', headers } = request;
    const body = await buffer(request);
    const fault = faultOf(request);
    if (fault === 'cut') return void response.destroy();
    if (fault !== null && fault !== 'answer lost') {
      const answers = method !== 'HEAD';
      return void response
        .writeHead(fault.status, { 'content-type': 'application/xml' })
        .end(answers ? fault.body : '');
    }
    const answer = await new Promise<IncomingMessage>((resolve, reject) =>
      // The host as the client has signed it.
      send(target + url, { method, headers, setHost: false }, resolve)
        .once('error', reject)
        .end(body),
    );
    const content = await buffer(answer);
    if (fault === 'answer lost') response.destroy();
    else response.writeHead(answer.statusCode!, answer.rawHeaders).end(content);
  };
  const server = createServer((request, response) => {
    pass(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
