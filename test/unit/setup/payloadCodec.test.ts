import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { readCodecKeys } from '../../../src/setup/codecKeys';
import { createPayloadCodec } from '../../../src/setup/payloadCodec';

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'sluice-codec-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function fileOf(text: string): string {
  const file = join(folder, randomBytes(8).toString('hex'));
  writeFileSync(file, text);
  return file;
}
const key = () => randomBytes(32).toString('base64');
const keysOf = (...ids: string[]) => new Map(ids.map((id) => [id, randomBytes(32)]));
const toPayload = (value: unknown) => defaultPayloadConverter.toPayload(value);
const fromPayload = (payload: Payload) => defaultPayloadConverter.fromPayload(payload);

test.each([
  ['nothing', undefined],
  ['a text', 'grüße'],
  ['bytes', new Uint8Array([0, 255, 1])],
  ['an object of 2 MiB', { text: 'x'.repeat(2 ** 21) }],
])('%s comes out as it went in', async (_, value) => {
  const codec = createPayloadCodec(keysOf('a'));
  const [encrypted] = await codec.encode([toPayload(value)]);
  const [decrypted] = await codec.decode([encrypted!]);
  expect(fromPayload(decrypted!)).toEqual(value);
  // A nonce, a tag, the lengths and the encoding are what encryption adds.
  expect(encrypted!.data!.length).toBeLessThan((toPayload(value).data?.length ?? 0) + 100);
});

test('a payload shows nothing of what is in it, and the same twice is not the same', async () => {
  const codec = createPayloadCodec(keysOf('a'));
  const [one, two] = await codec.encode([toPayload('canary'), toPayload('canary')]);
  for (const { metadata, data } of [one!, two!])
    expect(Buffer.concat([...Object.values(metadata!), data!]).toString('latin1')).not.toMatch(/canary|json/);
  expect(one!.data).not.toEqual(two!.data);
});

test('what an older key has encrypted can be read, what a newer one has not', async () => {
  const older = keysOf('2025');
  const both = new Map([...keysOf('2026'), ...older]);
  const [old] = await createPayloadCodec(older).encode([toPayload(1)]);
  const [read] = await createPayloadCodec(both).decode([old!]);
  expect(fromPayload(read!)).toBe(1);
  const [recent] = await createPayloadCodec(both).encode([toPayload(2)]);
  await expect(createPayloadCodec(older).decode([recent!])).rejects.toThrow(
    /encrypted by the key "2026", which is not here; set SLUICE_CODEC_KEYS/,
  );
});

test('what was written before there was a key is read as it is', async () => {
  const plain = toPayload({ a: 1 });
  expect(await createPayloadCodec(keysOf('a')).decode([plain])).toEqual([plain]);
  expect(await createPayloadCodec(new Map()).encode([plain])).toEqual([plain]);
});

test.each<[string, (payload: Payload) => Payload]>([
  [
    'a changed byte',
    ({ metadata = {}, data }) => ({ metadata, data: data!.map((byte, i) => (i === 20 ? byte ^ 1 : byte)) }),
  ],
  ['a cut', ({ metadata = {}, data }) => ({ metadata, data: data!.slice(0, 20) })],
  ['no data', ({ metadata = {} }) => ({ metadata, data: new Uint8Array() })],
  [
    'the id of another key',
    ({ metadata, data }) => ({
      metadata: { ...metadata, 'encryption-key-id': Buffer.from('b') },
      data: data!,
    }),
  ],
])('%s is told', async (_, change) => {
  const shared = randomBytes(32);
  const codec = createPayloadCodec(
    new Map([
      ['a', shared],
      ['b', shared],
    ]),
  );
  const [encrypted] = await codec.encode([toPayload(1)]);
  await expect(codec.decode([change(encrypted!)])).rejects.toThrow(/cannot be decrypted by the key/);
});

test('a key file may have comments, several keys, and keys that KMS has encrypted', async () => {
  const own = randomBytes(32);
  const file = fileOf(
    `# newest first\n2026 kms ${Buffer.from('blob').toString('base64')}\r\n\n  2025 ${own.toString('base64')}\n`,
  );
  const decrypted = Buffer.alloc(32, 7);
  const keys = await readCodecKeys(file, (encrypted) => {
    expect(Buffer.from(encrypted).toString()).toBe('blob');
    return Promise.resolve(decrypted);
  });
  expect([...keys]).toEqual([
    ['2026', decrypted],
    ['2025', own],
  ]);
});

test('every wrong line of a key file is told, and no key', async () => {
  const secret = key();
  const file = fileOf(
    [`a ${secret}`, `a ${key()}`, secret, `b ${randomBytes(16).toString('base64')}`].join('\n'),
  );
  const error = await readCodecKeys(file).catch((thrown: Error) => thrown);
  const { message } = error as Error;
  expect(message).toMatch(
    /line 2: the id a is there twice[^]*line 3: give lines[^]*line 4: the key b has 16 bytes/,
  );
  expect(message).not.toContain(secret);
});

test.each([
  ['', /no key is in it; give lines such as/],
  ['# nothing\n', /no key is in it/],
])('a key file of %j is refused', async (text, message) => {
  await expect(readCodecKeys(fileOf(text))).rejects.toThrow(message);
});

test('a key that KMS does not decrypt is told with what to see to', async () => {
  const file = fileOf(`k kms ${key()}`);
  const denied = Object.assign(new Error('no'), { name: 'AccessDeniedException' });
  await expect(readCodecKeys(file, () => Promise.reject(denied))).rejects.toThrow(
    /KMS did not decrypt the key k: AccessDeniedException: no\. .*kms:Decrypt/,
  );
});
