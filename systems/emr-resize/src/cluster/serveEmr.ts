import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Refusal, STANDING, type LocalEmr } from './localEmr';

const ADVANCE_MS = 250;

/**
 * Serves a local EMR as AWS does: the SDK's clients of EMR and CloudWatch are led here by their endpoints. Below
 * `/hdfs/CLUSTER/` it has what people would do on a cluster: `status`, `write?files=300&bytes=2048`, `check`.
 */
export async function serveEmr(
  emr: LocalEmr,
  port: number,
): Promise<{ url: string; stop: () => Promise<void> }> {
  const server = createServer((request, response) => {
    void answer(emr, request).then(
      (body) =>
        response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body)),
      (error: Error) => {
        const type = error instanceof Refusal ? error.type : 'InternalServerException';
        response
          .writeHead(error instanceof Refusal ? 400 : 500, { 'content-type': 'application/x-amz-json-1.1' })
          .end(JSON.stringify({ __type: type, message: error.message }));
      },
    );
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  // What is due is done although nobody looks; a moment's failure is met again by the next look.
  const timer = setInterval(
    () => void emr.advance().catch((error: Error) => console.error(error.message)),
    ADVANCE_MS,
  );
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      clearInterval(timer);
      await close(server);
      await emr.stop();
    },
  };
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

async function answer(emr: LocalEmr, request: IncomingMessage): Promise<object> {
  const { pathname, searchParams } = new URL(request.url!, 'http://localhost');
  const [, hdfs, id = STANDING, verb] = pathname.split('/');
  if (hdfs === 'hdfs') {
    const storage = emr.clusters.get(id)?.options.storage;
    if (!storage) throw new Refusal('InvalidRequestException', `Cluster id '${id}' is not valid.`);
    if (verb === 'write')
      await storage.write(Number(searchParams.get('files')), Number(searchParams.get('bytes')));
    return { kind: storage.kind, ...(verb === 'check' ? await storage.check() : await storage.status()) };
  }
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const operation = String(request.headers['x-amz-target'] ?? '').split('.')[1] ?? '';
  const handler = emr.handlers[operation];
  if (!handler)
    throw new Refusal('UnknownOperationException', `The local EMR has no ${operation || request.url}`);
  return handler(JSON.parse(Buffer.concat(chunks).toString() || '{}') as never);
}
