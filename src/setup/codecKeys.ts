import { readFile } from 'node:fs/promises';
import { SluiceError } from '../errors';

/** The keys of the payload codec by their id; the first encrypts, all decrypt. */
export type CodecKeys = ReadonlyMap<string, Buffer>;

/** Decrypts a data key: what KMS's `GenerateDataKey` calls `CiphertextBlob`. */
export type DecryptDataKey = (encrypted: Uint8Array) => Promise<Uint8Array>;

const KEY_BYTES = 32;
const FORMAT =
  'give lines such as "2026-11 BASE64" with 32 bytes (openssl rand -base64 32), or "2026-11 kms BASE64" with a data key that KMS has encrypted';

/**
 * Reads a key file: a line for each key, `ID BASE64` or `ID kms BASE64`; empty lines and those that begin with `#` count for
 * nothing. No message holds a key.
 * @throws SluiceError InvalidInput that lists every wrong line; MissingTool without the client of KMS, for a key that needs it
 */
export async function readCodecKeys(
  file: string,
  decrypt: DecryptDataKey = decryptByKms,
): Promise<CodecKeys> {
  const text = await readFile(file, 'utf8').catch((cause: Error) => {
    throw new SluiceError('InvalidInput', `SLUICE_CODEC_KEYS: ${cause.message}`, { cause });
  });
  const problems: string[] = [];
  const keys = new Map<string, Buffer>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const problem = (what: string) => problems.push(`  line ${index + 1}: ${what}`);
    const [, id, kms, encoded] =
      /^\s*([\w.-]{1,64})\s+(?:(kms)\s+)?([A-Za-z0-9+/]+={0,2})\s*$/.exec(line) ?? [];
    if (id === undefined || encoded === undefined) {
      problem(FORMAT);
      continue;
    }
    if (keys.has(id)) problem(`the id ${id} is there twice; give each key its own`);
    const given = Buffer.from(encoded, 'base64');
    const key = kms === undefined ? given : Buffer.from(await decryptKey(id, given, decrypt));
    if (key.length !== KEY_BYTES)
      problem(`the key ${id} has ${key.length} bytes; AES-256 needs ${KEY_BYTES}`);
    keys.set(id, key);
  }
  if (keys.size === 0 && problems.length === 0) problems.push(`  no key is in it; ${FORMAT}`);
  if (problems.length > 0)
    throw new SluiceError('InvalidInput', [`SLUICE_CODEC_KEYS: ${file} is wrong:`, ...problems].join('\n'));
  return keys;
}

async function decryptKey(id: string, encrypted: Buffer, decrypt: DecryptDataKey): Promise<Uint8Array> {
  try {
    return await decrypt(encrypted);
  } catch (cause) {
    if (cause instanceof SluiceError) throw cause;
    const { name, message } = cause as Error;
    const cure = 'See the credentials, and that they may call kms:Decrypt with its key';
    throw new SluiceError(
      'InvalidInput',
      `SLUICE_CODEC_KEYS: KMS did not decrypt the key ${id}: ${name}: ${message}. ${cure}.`,
      { cause },
    );
  }
}

/** Only who has keys of KMS has its client, too. */
async function decryptByKms(CiphertextBlob: Uint8Array): Promise<Uint8Array> {
  const { DecryptCommand, KMSClient } = await import('@aws-sdk/client-kms').catch((cause: unknown) => {
    throw new SluiceError(
      'MissingTool',
      'SLUICE_CODEC_KEYS: a key is encrypted by KMS, whose client is not installed: npm install @aws-sdk/client-kms',
      { cause },
    );
  });
  const kms = new KMSClient({});
  try {
    const { Plaintext } = await kms.send(new DecryptCommand({ CiphertextBlob }));
    return Plaintext!;
  } finally {
    kms.destroy();
  }
}
