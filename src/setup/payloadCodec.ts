import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import {
  METADATA_ENCODING_KEY,
  type DataConverter,
  type Payload,
  type PayloadCodec,
} from '@temporalio/common';
import { temporal } from '@temporalio/proto';
import { SluiceError } from '../errors';
import { readCodecKeys, type CodecKeys } from './codecKeys';
import type { Config } from './config';

/** The names that Temporal's own samples of encryption give to them. */
const ENCODING = 'binary/encrypted';
const KEY_ID = 'encryption-key-id';
const CIPHER = 'aes-256-gcm';
/** https://nvlpubs.nist.gov/nistpubs/Legacy/SP/nistspecialpublication800-38d.pdf, 5.2.1.1 and 5.2.1.2 */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

const { Payload } = temporal.api.common.v1;

/**
 * Encrypts whole payloads, metadata too, by AES-256-GCM: a nonce, what was encrypted, its tag; the id of the key is
 * authenticated. Without keys it encrypts nothing, and tells of a payload that is encrypted.
 */
export function createPayloadCodec(keys: CodecKeys): PayloadCodec {
  const [current] = keys;
  return {
    encode: (payloads) =>
      Promise.resolve(
        current === undefined ? payloads : payloads.map((payload) => encrypt(current, payload)),
      ),
    decode: (payloads) =>
      new Promise((resolve) =>
        resolve(payloads.map((payload) => (isEncrypted(payload) ? decrypt(keys, payload) : payload))),
      ),
  };
}

function isEncrypted({ metadata }: Payload): boolean {
  const encoding = metadata?.[METADATA_ENCODING_KEY];
  return encoding != null && Buffer.from(encoding).toString() === ENCODING;
}

function encrypt([id, key]: [string, Buffer], payload: Payload): Payload {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(Buffer.from(id));
  const data = Buffer.concat([
    nonce,
    cipher.update(Payload.encode(payload).finish()),
    cipher.final(),
    cipher.getAuthTag(),
  ]);
  return { metadata: { [METADATA_ENCODING_KEY]: Buffer.from(ENCODING), [KEY_ID]: Buffer.from(id) }, data };
}

/** @throws SluiceError InvalidInput for a key that is not there, or that is another */
function decrypt(keys: CodecKeys, { metadata, data }: Payload): Payload {
  const id = Buffer.from(metadata?.[KEY_ID] ?? []).toString();
  const key = keys.get(id);
  if (key === undefined)
    throw new SluiceError(
      'InvalidInput',
      `A payload is encrypted by the key "${id}", which is not here; set SLUICE_CODEC_KEYS to the file that has it`,
    );
  const bytes = Buffer.from(data ?? []);
  try {
    const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE_BYTES))
      .setAAD(Buffer.from(id))
      .setAuthTag(bytes.subarray(-TAG_BYTES));
    const encrypted = bytes.subarray(NONCE_BYTES, -TAG_BYTES);
    return Payload.decode(Buffer.concat([decipher.update(encrypted), decipher.final()]));
  } catch (cause) {
    throw new SluiceError(
      'InvalidInput',
      `A payload cannot be decrypted by the key "${id}": it was changed, or another key has this id in SLUICE_CODEC_KEYS`,
      { cause },
    );
  }
}

/** How a client or worker with these settings writes and reads payloads. */
export async function createDataConverter({ codecKeys }: Pick<Config, 'codecKeys'>): Promise<DataConverter> {
  if (codecKeys === null) return { payloadCodecs: [createPayloadCodec(new Map())] };
  return {
    payloadCodecs: [createPayloadCodec(await readCodecKeys(codecKeys))],
    failureConverterPath: FAILURE_CONVERTER,
  };
}

/** Loaded by path, since it runs in the workflow sandbox, too. */
export const FAILURE_CONVERTER = require.resolve('../contracts/failureConverter');
