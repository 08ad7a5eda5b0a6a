import { createPublicKey } from 'node:crypto';
import { GetPublicKeyCommand, SignCommand, type KMSClient } from '@aws-sdk/client-kms';
import { hexToBytes, keccak256, recoverAddress, serializeTransaction, toHex, type Hex } from 'viem';
import { publicKeyToAddress } from 'viem/accounts';
import { SluiceError } from 'sluice';
import type { Account } from './account';

/** The order of secp256k1: https://www.secg.org/sec2-v2.pdf, 2.4.1. */
export const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
/** How KMS calls that curve. */
const KEY_SPEC = 'ECC_SECG_P256K1';

/**
 * An account whose key is in KMS and stays there: KMS signs the hashes of its transactions.
 * @param KeyId id, ARN or `alias/NAME` of a key of the spec ECC_SECG_P256K1 for signing
 * @throws SluiceError InvalidInput for a key of another spec
 */
export async function readKmsAccount(kms: KMSClient, KeyId: string): Promise<Account> {
  const { KeySpec, PublicKey } = await kms.send(new GetPublicKeyCommand({ KeyId }));
  if (KeySpec !== KEY_SPEC)
    throw new SluiceError('InvalidInput', `kms:${KeyId}: its spec is ${KeySpec}; give a key of ${KEY_SPEC}`);
  const { x, y } = createPublicKey({
    key: Buffer.from(PublicKey!),
    format: 'der',
    type: 'spki',
  }).export({ format: 'jwk' });
  const point = Buffer.concat([Buffer.from([4]), Buffer.from(x!, 'base64url'), Buffer.from(y!, 'base64url')]);
  const address = publicKeyToAddress(toHex(point));

  async function sign(hash: Hex) {
    const { Signature } = await kms.send(
      new SignCommand({
        ...{ KeyId, Message: hexToBytes(hash), MessageType: 'DIGEST' },
        SigningAlgorithm: 'ECDSA_SHA_256',
      }),
    );
    const [r, either] = readIntegers(Buffer.from(Signature!));
    // Two values fit a signature, and chains take the lower alone (EIP-2).
    const s = either > ORDER / 2n ? ORDER - either : either;
    for (const yParity of [0, 1]) {
      const signature = { r: toHex(r, { size: 32 }), s: toHex(s, { size: 32 }), yParity };
      if ((await recoverAddress({ hash, signature }).catch(() => null)) === address) return signature;
    }
    throw new SluiceError('Transient', `kms:${KeyId}: the signature is not one of ${address}`);
  }

  return {
    address,
    async signTransaction(transaction) {
      const signature = await sign(keccak256(serializeTransaction(transaction)));
      return serializeTransaction(transaction, signature);
    },
  };
}

/** The two integers of an ECDSA signature as KMS has it: SEQUENCE { INTEGER r, INTEGER s } in DER (RFC 3279, 2.2.3). */
function readIntegers(der: Buffer): [bigint, bigint] {
  const integerAt = (at: number) => ({
    end: at + 2 + der[at + 1]!,
    bytes: der.subarray(at + 2, at + 2 + der[at + 1]!),
  });
  const first = integerAt(2);
  const second = integerAt(first.end);
  return [first, second].map(({ bytes }) => BigInt(`0x${bytes.toString('hex')}`)) as [bigint, bigint];
}
