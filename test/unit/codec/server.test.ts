import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { defaultPayloadConverter } from '@temporalio/common';
import type { FastifyInstance } from 'fastify';
import { createCodecServer } from '../../../src/codec/server';
import { createPayloadCodec } from '../../../src/setup/payloadCodec';

const codec = createPayloadCodec(new Map([['k', randomBytes(32)]]));
const UI = 'http://localhost:8233';
const started: FastifyInstance[] = [];
afterAll(() => Promise.all(started.map((server) => server.close())));

async function startServer(secrets: string[] = []) {
  const server = createCodecServer({ codec, secrets, origins: [UI] });
  started.push(server);
  await server.listen({ host: '127.0.0.1', port: 0 });
  const url = `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`;
  return (path: string, init: RequestInit = {}) => fetch(url + path, { method: 'POST', ...init });
}

/** As the Web UI sends them. */
async function encryptedBody(value: unknown): Promise<string> {
  const [{ metadata, data } = {}] = await codec.encode([defaultPayloadConverter.toPayload(value)]);
  const encoded = Object.entries(metadata!).map(([name, bytes]) => [
    name,
    Buffer.from(bytes).toString('base64'),
  ]);
  return JSON.stringify({
    payloads: [
      { metadata: Object.fromEntries(encoded) as object, data: Buffer.from(data!).toString('base64') },
    ],
  });
}
const json = { 'content-type': 'application/json' };

test.each(['/decode', '/default/decode'])('%s gives the Web UI what is encrypted', async (path) => {
  const call = await startServer();
  const body = await encryptedBody({ lake: 's3://lake' });
  const answer = await call(path, { headers: { ...json, origin: UI, 'x-namespace': 'default' }, body });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('access-control-allow-origin')).toBe(UI);
  const { payloads } = (await answer.json()) as { payloads: { data: string }[] };
  expect(JSON.parse(Buffer.from(payloads[0]!.data, 'base64').toString())).toEqual({ lake: 's3://lake' });
});

test('/encode is undone by /decode', async () => {
  const call = await startServer();
  const [encoding, data] = ['json/plain', '"for nobody else"'].map((text) =>
    Buffer.from(text).toString('base64'),
  );
  const plain = { payloads: [{ metadata: { encoding }, data }] };
  const encoded = await (await call('/encode', { headers: json, body: JSON.stringify(plain) })).text();
  expect(encoded).not.toContain(data);
  expect(await (await call('/decode', { headers: json, body: encoded })).json()).toEqual(plain);
});

test('a browser that asks first is told which pages may', async () => {
  const call = await startServer(['secret']);
  const asks = (origin: string) => call('/decode', { method: 'OPTIONS', headers: { origin } });
  expect((await asks(UI)).headers.get('access-control-allow-headers')).toContain('x-namespace');
  expect((await asks('https://evil.example')).headers.get('access-control-allow-origin')).toBeNull();
});

test.each<[string, string[], Record<string, string>, number]>([
  ['a page of another origin', [], { origin: 'https://evil.example' }, 401],
  ['a page of another origin, with the secret,', ['s'], { origin: 'null', authorization: 'Bearer s' }, 401],
  ['no secret', ['s'], {}, 401],
  ['another secret', ['s'], { authorization: 'Bearer t' }, 401],
  ['the secret', ['s', 't'], { authorization: 'Bearer t' }, 200],
  ['the secret in a header of its own', ['s'], { 'x-sluice-secret': 's', origin: UI }, 200],
])('a request with %s', async (_, secrets, headers, status) => {
  const call = await startServer(secrets);
  expect(
    (await call('/decode', { headers: { ...json, ...headers }, body: await encryptedBody(1) })).status,
  ).toBe(status);
});

test.each([
  ['no JSON', '{', 400],
  ['no payloads', '{}', 400],
  ['nothing', 'null', 400],
  [
    'a payload that nobody encrypted so',
    '{"payloads":[{"metadata":{"encoding":"YmluYXJ5L2VuY3J5cHRlZA=="},"data":"AA=="}]}',
    400,
  ],
])('%s is answered with a reason', async (_, body, status) => {
  const answer = await (await startServer())('/decode', { headers: json, body });
  expect(answer.status).toBe(status);
  expect(await answer.json()).toMatchObject({
    error: { code: 'InvalidInput', message: expect.any(String) as string },
  });
});
