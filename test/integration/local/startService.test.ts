import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, Processes, type Service } from '../../../src/local';
import { environmentOf, placeServices, startService } from '../../../src/local/startService';

let dir: string;
let processes: Processes;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sluice-service-'));
  processes = new Processes();
});
afterEach(async () => {
  await processes.stop();
  await rm(dir, { recursive: true, force: true });
});

/** Answers 503 first, and what it was started with from then on. */
const SERVER = `
let asked = 0;
require('node:http').createServer((request, response) => {
  response.statusCode = asked++ === 0 ? 503 : 200;
  response.end(JSON.stringify([process.cwd(), process.env.FROM_STACK]));
}).listen(Number(process.argv[1]), '127.0.0.1', () => console.log('listening at last'));
`;

async function start(service: Partial<Service>) {
  const offset = 100;
  const port = (await freePort()) - offset;
  const [placed] = placeServices({
    services: [
      {
        name: 'server',
        port,
        command: ({ port: moved }) => [process.execPath, '-e', SERVER, String(moved)],
        ...service,
      },
    ],
    portOffset: offset,
    dir,
    env: { FROM_STACK: 'yes' },
  });
  const process_ = await startService({ ...placed!, env: process.env, logs: join(dir, 'logs'), processes });
  return { placed: placed!, process: process_, url: `http://127.0.0.1:${placed!.context.port}` };
}

test.each<[string, Service['ready']]>([
  ['its port accepts connections', undefined],
  ['a URL answers well', ({ port }) => ({ url: `http://127.0.0.1:${port}/` })],
  ['its log has a line', { log: /listening at last/ }],
])('a service is ready when %s; it works in a folder of its own and ends', async (_, ready) => {
  const { url, process: server } = await start(ready === undefined ? {} : { ready });
  await fetch(url);
  expect(await (await fetch(url)).json()).toEqual([join(dir, 'services', 'server'), 'yes']);
  await server.stop();
  await expect(fetch(url)).rejects.toThrow();
});

test('what workers need to reach a service follows from its port', async () => {
  const { placed, url } = await start({ env: ({ port }) => ({ SERVER_URL: `http://127.0.0.1:${port}` }) });
  expect(environmentOf([placed])).toEqual({ SERVER_URL: url });
});

test('a service that ends while it starts is told with the end of its log', async () => {
  const command = [process.execPath, '-e', 'console.error("no state file"); process.exit(3)'];
  await expect(start({ command })).rejects.toThrow(/server ended while it started.*[\s\S]*no state file/);
});
