/** How a worker is let in to a Livy behind TLS, over the wire: a real server whose certificate comes from an authority of its own. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectLivy } from '../../../src/runners/livy/runner';
import type { RunnerContext } from '../../../src/runners/defineRunner';
import type { JobReference } from '../../../src/jobs';
import { classifyError } from '../../../src/services/failures';
import { readConfig } from '../../../src/setup/config';
import { issueCertificate } from '../../support/certificates';

let folder: string;
let server: Server;
let url: string;
/** The headers of the last request, and how the next is answered. */
let heard: IncomingHttpHeaders = {};
let answer: { status: number; headers?: Record<string, string>; body: unknown };

const EMPTY = { status: 200, body: { from: 0, total: 0, sessions: [] } };

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-test-livy-'));
  const ca = issueCertificate({ name: 'An authority', ca: true });
  const own = issueCertificate({ name: 'localhost', issuer: ca, dnsNames: ['localhost'] });
  writeFileSync(join(folder, 'ca.pem'), ca.pem);
  writeFileSync(join(folder, 'other.pem'), issueCertificate({ name: 'Another', ca: true }).pem);
  const key = own.privateKey.export({ type: 'pkcs8', format: 'pem' });
  server = createServer({ cert: own.pem, key }, (request, response) => {
    heard = request.headers;
    response.writeHead(answer.status, answer.headers).end(JSON.stringify(answer.body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `https://localhost:${(server.address() as AddressInfo).port}`;
});

beforeEach(() => {
  heard = {};
  answer = EMPTY;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

const write = (name: string, text: string) => {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
};
const ca = () => join(folder, 'ca.pem');

/** The answer of a look for a batch by a worker with these settings. */
function look(settings: NodeJS.ProcessEnv) {
  const livy = connectLivy(
    { config: readConfig({ SLUICE_LIVY_URL: url, SLUICE_LIVY_CA: ca(), ...settings }) } as RunnerContext,
    'livy:createBatch',
  );
  return livy.find({ key: 'k' } as Parameters<typeof livy.find>[0]);
}
const failureOf = (looking: Promise<JobReference | null>) =>
  looking.then(
    () => null,
    (error: unknown) => classifyError(error),
  );

test.each([
  [
    'basic',
    () => `basic:${write('login', 'me:p@ss word\n')}`,
    'authorization',
    `Basic ${btoa('me:p@ss word')}`,
  ],
  [
    'bearer',
    () => `bearer:${write('token', 'a-token-of-mine\n')}`,
    'authorization',
    'Bearer a-token-of-mine',
  ],
  [
    'a header',
    () => `header:X-Gateway-Token:${write('header', 'a-gate-token')}`,
    'x-gateway-token',
    'a-gate-token',
  ],
])('a worker says who it is by %s, from a file', async (_, auth, header, value) => {
  expect(await look({ SLUICE_LIVY_AUTH: auth() })).toBeNull();
  expect(heard).toMatchObject({ [header]: value, 'x-requested-by': 'sluice' });
});

test('a token that is replaced in its file is in force with the next request', async () => {
  const file = write('renewed', 'the-first-token');
  const livy = connectLivy(
    {
      config: readConfig({ SLUICE_LIVY_URL: url, SLUICE_LIVY_CA: ca(), SLUICE_LIVY_AUTH: `bearer:${file}` }),
    } as RunnerContext,
    'livy:createBatch',
  );
  const find = () => livy.find({ key: 'k' } as Parameters<typeof livy.find>[0]);
  await find();
  write('renewed', 'the-second-token');
  await find();
  expect(heard.authorization).toBe('Bearer the-second-token');
});

test('a user and a password in the address are sent as a header, and are in no address and no message', async () => {
  answer = { status: 401, body: { msg: 'no entry for me:secret-word' } };
  const failure = await failureOf(
    look({ SLUICE_LIVY_URL: url.replace('https://', 'https://me:secret-word@') }),
  );
  expect(heard.authorization).toBe(`Basic ${btoa('me:secret-word')}`);
  expect(failure).toMatchObject({
    code: 'AccessDenied',
    message: expect.stringContaining('SLUICE_LIVY_AUTH'),
  });
});

test('a certificate of an authority that the worker does not trust is refused, and nothing is sent', async () => {
  const auth = { SLUICE_LIVY_AUTH: `bearer:${write('kept', 'a-token-of-mine')}` };
  for (const SLUICE_LIVY_CA of [join(folder, 'other.pem'), '']) {
    const failure = await failureOf(look({ ...auth, SLUICE_LIVY_CA }));
    expect(failure).toMatchObject({
      code: 'AccessDenied',
      message: expect.stringContaining('SLUICE_LIVY_CA'),
    });
  }
  const byAddress = url.replace('localhost', '127.0.0.1');
  expect(await failureOf(look({ ...auth, SLUICE_LIVY_URL: byAddress }))).toMatchObject({
    code: 'AccessDenied',
  });
  expect(heard).toEqual({});
});

test('a redirect is told and not followed, with what the worker is let in by', async () => {
  answer = { status: 302, headers: { location: 'https://elsewhere.example.com/' }, body: '' };
  expect(await failureOf(look({}))).toMatchObject({
    code: 'InvalidJob',
    message: expect.stringContaining('no redirect is followed'),
  });
});
