/**
 * No secret leaves: every setting that may hold one has a canary, servers repeat all that they are sent, and nothing that
 * anybody can read afterwards holds a canary, as it is or encoded.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, mkdtempSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { ownEnvironment, useCommandLines } from '../../support/cli';
import { quietRuntime, serverEnv, startServer } from '../../support/environment';
import { EMPTY_PROJECT } from '../../support/project';
import { textsOf } from '../../support/texts';

const DIST = join(__dirname, '..', '..', '..', 'dist', 'src');
/** Signs that each encoding writes differently stand around what is looked for. */
const canary = (name: string) => `x/+ ${core(name)}"&=`;
const core = (name: string) => `c4n4ry${name}`;
const CANARY = /c4n4ry\w{0,12}/i;
/** What a header takes. */
const inHeader = (name: string) => canary(name).replace(/ /g, '');
const inUrl = (name: string) => encodeURIComponent(canary(name));

const sluice = useCommandLines();
let folder: string;
let server: TestWorkflowEnvironment;
let echo: Server;
let origin: string;
let env: NodeJS.ProcessEnv;
const processes: ChildProcess[] = [];
/** All that was received: the canaries that were really sent, and the notifications. */
const received: { headers: string; url: string; body: string }[] = [];
let logs = '';

/** What a careless server says: all that it was sent, as it came and decoded. */
function repeat({ method, url, headers }: IncomingMessage): string {
  const { authorization = '' } = headers;
  const login = Buffer.from(authorization.replace(/^Basic /, ''), 'base64').toString();
  return [method, url, decodeURIComponent(url!), JSON.stringify(headers), login, authorization].join(' | ');
}

function startEcho(): Promise<Server> {
  let batches = 0;
  const listening = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const { url = '', method } = request;
      received.push({ headers: repeat(request), url, body });
      const told = repeat(request);
      const json = (status: number, answer: unknown) =>
        response
          .writeHead(status, { 'content-type': 'application/json', 'x-echo': encodeURIComponent(told) })
          .end(JSON.stringify(answer));
      if (url.startsWith('/hook')) return void response.writeHead(204).end();
      if (/^\/(dead\/)?batches/.test(url)) {
        if (!url.startsWith('/dead')) return void json(400, { msg: told });
        const name = (JSON.parse(body || '{}') as { name?: string }).name ?? null;
        const batch = { id: 1, name, state: 'dead', appId: null, appInfo: null, log: [told] };
        if (method === 'POST') {
          batches++;
          return void json(201, { ...batch, state: 'starting' });
        }
        if (url.includes('/log')) return void json(200, { log: [told, `Exception: ${told}`] });
        // The batch is told by its name, which the command line has not.
        return void json(
          200,
          url.includes('?') ? { sessions: [], total: batches } : { ...batch, name: marker },
        );
      }
      if (request.headers['x-amz-target'] !== undefined)
        return void json(400, { __type: 'InvalidRequestException', message: told });
      const xml = told.replace(/&/g, '&amp;').replace(/</g, '&lt;');
      response
        .writeHead(400, { 'content-type': 'application/xml' })
        .end(`<Error><Code>InvalidRequest</Code><Message>${xml}</Message></Error>`);
    });
  });
  return new Promise((resolve) => listening.listen(0, '127.0.0.1', () => resolve(listening)));
}
let marker = '';

function start(entry: 'worker' | 'webhook', settings: NodeJS.ProcessEnv): Promise<void> {
  const child = spawn(process.execPath, [join(DIST, `${entry}.js`)], {
    env: { ...ownEnvironment(), ...env, ...settings },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  processes.push(child);
  for (const stream of [child.stdout!, child.stderr!])
    stream.on('data', (chunk: Buffer) => (logs += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once('message', () => resolve());
    child.once('exit', (code) => reject(new Error(`${entry} ended with ${code}: ${logs.slice(-2000)}`)));
  });
}

beforeAll(async () => {
  quietRuntime();
  folder = mkdtempSync(join(tmpdir(), 'sluice-canary-'));
  writeFileSync(join(folder, 'token'), `${inHeader('LIVYTOKEN')}\n`);
  [server, echo] = await Promise.all([startServer(), startEcho()]);
  origin = `127.0.0.1:${(echo.address() as AddressInfo).port}`;
  env = {
    ...serverEnv(server),
    TEMPORAL_API_KEY: inHeader('APIKEY'),
    TEMPORAL_TLS: 'false',
    TEMPORAL_GRPC_META_X_PROXY_TOKEN: inHeader('METADATA'),
    AWS_ACCESS_KEY_ID: 'AKIAC4N4RYACCESSKEY0',
    AWS_SECRET_ACCESS_KEY: canary('AWSSECRET'),
    AWS_SESSION_TOKEN: inHeader('SESSION'),
    AWS_REGION: 'eu-central-1',
    AWS_ENDPOINT_URL: `http://${origin}`,
    SLUICE_LIVY_URL: `http://etl:${inUrl('LIVYURL')}@${origin}`,
    SLUICE_NOTIFY: `http://me:${inUrl('NOTIFYLOGIN')}@${origin}/hook/${inUrl('NOTIFYPATH')}?token=${inUrl('NOTIFYQUERY')}`,
    SLUICE_WEBHOOK_SECRET: `other, ${inHeader('WEBHOOK')}`,
    SLUICE_WEBHOOK_PORT: '0',
    SLUICE_OPENLINEAGE_URL: `http://me:${inUrl('LINEAGELOGIN')}@${origin}/lineage`,
    SLUICE_LOG_LEVEL: 'trace',
    SLUICE_POLL_MIN: '20ms',
    SLUICE_POLL_MAX: '20ms',
    SLUICE_RETRY_FOR: '1s',
  };
  await Promise.all([
    start('worker', {}),
    start('webhook', {}),
    start('worker', {
      SLUICE_TASK_QUEUE: 'dead',
      SLUICE_LIVY_URL: `http://${origin}/dead`,
      SLUICE_OPENLINEAGE_TOKEN: inHeader('LINEAGETOKEN'),
      SLUICE_LIVY_AUTH: `header:X-Livy-Token:${join(folder, 'token')}`,
    }),
  ]);
}, 120_000);

afterAll(async () => {
  for (const child of processes) child.kill('SIGKILL');
  echo?.close();
  await server?.teardown();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

/** The canaries in a text, as they are, in an address, in base64 or in hexadecimal digits. */
function findCanaries(text: string): string[] {
  const decoded = [
    text,
    text.replace(/(?:%[0-9a-f]{2})+/gi, (part) =>
      Buffer.from(part.replace(/%/g, ''), 'hex').toString('latin1'),
    ),
    ...[...text.matchAll(/[\w+/-]{12,}/g)].flatMap(([token]) =>
      [0, 1, 2, 3].map((at) => Buffer.from(token.slice(at), 'base64').toString('latin1')),
    ),
    ...[...text.matchAll(/(?:[0-9a-f]{2}){8,}/gi)].map(([hex]) => Buffer.from(hex, 'hex').toString('latin1')),
  ];
  return [...new Set(decoded.flatMap((one) => CANARY.exec(one)?.[0] ?? []))];
}

test('a canary is found in each form', () => {
  const name = canary('FORM');
  for (const form of [
    name,
    encodeURIComponent(name),
    encodeURIComponent(core('FORM')),
    Buffer.from(`etl:${name}`).toString('base64'),
    Buffer.from(name).toString('hex'),
    JSON.stringify({ [name]: 1 }),
  ])
    expect(findCanaries(`a ${form} b`)).not.toEqual([]);
  expect(findCanaries('canary, and nothing else')).toEqual([]);
});

test('no canary is in a history, the visibility, a status, a log, a notification or the list of processes', async () => {
  const { workflow } = server.client;
  const job = (id: string, resource: string, parameters: object, taskQueue = 'sluice') =>
    workflow.start('job', {
      ...{ taskQueue, workflowId: id, memo: { pipeline: 'job' } },
      args: [{ job: { resource, parameters } }],
    });
  const dead = await job('dead', 'livy:createBatch', { file: 's3://lake/a.py' }, 'dead');
  marker = await untilNamed();
  const runs = [
    dead,
    await job('refused', 'livy:createBatch', { file: 's3://lake/a.py' }),
    await job('athena', 'athena:startQueryExecution', {
      QueryString: 'select 1',
      ResultConfiguration: { OutputLocation: 's3://lake/a/' },
    }),
    await job('s3', 'worker:task', {
      task: 'copy-object',
      input: { from: 's3://lake/a', to: 's3://lake/b' },
    }),
    await workflow.start('marketing-and-sales', {
      ...{ taskQueue: 'sluice', workflowId: 'waiting', memo: { pipeline: 'marketing-and-sales' } },
      args: [{}],
    }),
  ];
  await Promise.allSettled(runs.slice(0, 4).map((run) => run.result()));
  // What the servers were sent is what they repeat.
  const sent = received.map(({ headers }) => headers).join('\n');
  for (const name of [
    ...['LIVYURL', 'LIVYTOKEN', 'SESSION', 'NOTIFYLOGIN', 'NOTIFYPATH', 'NOTIFYQUERY'],
    ...['LINEAGELOGIN', 'LINEAGETOKEN'],
  ])
    expect(sent).toContain(core(name));

  const call = (args: string[], settings: NodeJS.ProcessEnv = {}) =>
    sluice([...args, '--config', EMPTY_PROJECT], { env: { ...env, ...settings } });
  const commands = await Promise.all([
    ...runs.map(({ workflowId }) => call(['status', workflowId, '--json'])),
    ...[['list', '--json'], ['list', '--triggers'], ['doctor']].map((args) => call(args)),
    call(['list'], { TEMPORAL_ADDRESS: `http://me:${inUrl('ADDRESS')}@temporal:7233` }),
    call(['worker'], { SLUICE_LIVY_AUTH: `bearer:${inHeader('MISPLACED')}` }),
  ]);
  const codes = commands.slice(0, 4).map(({ stdout }) => /"code":"(\w+)"/.exec(stdout)?.[1]);
  expect(codes).toEqual(['JobFailed', 'InvalidJob', 'InvalidJob', 'InvalidJob']);
  const visible: unknown[] = [];
  for await (const { raw, memo, searchAttributes } of workflow.list())
    visible.push(raw, memo, searchAttributes);
  const seen: Record<string, string[]> = {
    histories: textsOf(await allHistories()),
    visibility: textsOf(visible),
    commands: commands.flatMap(({ stdout, stderr }) => [stdout, stderr]),
    logs: logs.split('\n'),
    notifications: received.filter(({ url }) => url.startsWith('/hook')).map(({ body }) => body),
    processes: listProcesses(),
  };
  const found = Object.entries(seen).flatMap(([place, texts]) => {
    expect({ place, texts: texts.length }).not.toEqual({ place, texts: 0 });
    return texts.flatMap((text) =>
      findCanaries(text).map((one) => `${place}: ${one}: ${text.slice(0, 300)}`),
    );
  });
  expect(found).toEqual([]);
}, 120_000);

/** The name that a submission gave its batch. */
async function untilNamed(): Promise<string> {
  for (;;) {
    const submitted = received.find(({ url, body }) => url === '/dead/batches' && body !== '');
    if (submitted) return (JSON.parse(submitted.body) as { name: string }).name;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function allHistories(): Promise<unknown[]> {
  const histories: unknown[] = [];
  for await (const { workflowId, runId } of server.client.workflow.list())
    histories.push(await server.client.workflow.getHandle(workflowId, runId).fetchHistory());
  return histories;
}

/** The arguments of every process of this machine that may be seen, but of this test's own runner. */
function listProcesses(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        return [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/\0/g, ' ')];
      } catch {
        return [];
      }
    });
}
