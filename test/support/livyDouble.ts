import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

interface Batch {
  id: number;
  name: string;
  args: string[];
  endsAtMs: number;
  isKilled: boolean;
}

/** Livy's batches, each of which takes some time and does nothing: https://livy.apache.org/docs/latest/rest-api.html */
export class LivyDouble {
  readonly batches: Batch[] = [];
  private readonly server = createServer((request, response) => {
    void this.answer(request).then(({ status, body }) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body)),
    );
  });

  constructor(private readonly takesMs: () => number) {}

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }

  stateOf({ isKilled, endsAtMs }: Batch): string {
    return isKilled ? 'killed' : Date.now() < endsAtMs ? 'running' : 'success';
  }

  private async answer(request: IncomingMessage): Promise<{ status: number; body: unknown }> {
    const { pathname, searchParams } = new URL(request.url!, 'http://livy');
    const [, , id, log] = pathname.split('/');
    if (request.method === 'POST') {
      const { name, args } = (await json(request)) as Pick<Batch, 'name' | 'args'>;
      if (this.batches.some((batch) => batch.name === name))
        return { status: 400, body: { msg: `Duplicate session name: ${name}` } };
      const batch = {
        id: this.batches.length,
        name,
        args,
        endsAtMs: Date.now() + this.takesMs(),
        isKilled: false,
      };
      this.batches.push(batch);
      return { status: 201, body: this.seen(batch) };
    }
    if (id === undefined) {
      const from = Number(searchParams.get('from') ?? 0);
      const sessions = this.batches.slice(from, from + Number(searchParams.get('size') ?? 20));
      return {
        status: 200,
        body: { from, total: this.batches.length, sessions: sessions.map((one) => this.seen(one)) },
      };
    }
    const batch = this.batches[Number(id)];
    if (batch === undefined) return { status: 404, body: { msg: `Session '${id}' not found.` } };
    if (log !== undefined) return { status: 200, body: { log: [] } };
    if (request.method === 'DELETE') batch.isKilled ||= this.stateOf(batch) === 'running';
    return { status: 200, body: request.method === 'DELETE' ? { msg: 'deleted' } : this.seen(batch) };
  }

  private seen(batch: Batch) {
    const { id, name } = batch;
    return { id, name, state: this.stateOf(batch), appId: null, appInfo: {}, log: [] };
  }
}
