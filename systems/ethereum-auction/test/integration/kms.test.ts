/** Accounts whose keys are in KMS: a double by botocore's models, whose signatures are real; the chain judges them. */
import { createPublicKey } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hexToBytes, parseEther, toHex, type Hex } from 'viem';
import { generatePrivateKey, privateKeyToAccount, sign } from 'viem/accounts';
import { ServiceFault } from '../../../../test/support/aws/double';
import { startAwsDouble } from '../../../../test/support/aws/start';
import { readAccounts } from '../../src/chain/keys';
import { awaitTransactions, sendTransactions, signBids } from '../../src/chain/transactions';
import { deployAuction, signal } from '../support/auction';
import { startAnvil, type LocalChain } from '../support/localChain';

const KEYS: Record<string, Hex> = {
  'alias/owner': generatePrivateKey(),
  'alias/bidder': generatePrivateKey(),
};
const SPEC: Record<string, string> = { 'alias/rsa': 'RSA_2048' };
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const environment = { ...process.env };
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

/** SEQUENCE { INTEGER r, INTEGER s }; KMS gives either of the two values of `s`, and this one the higher each second time. */
function toDer(r: bigint, s: bigint): Buffer {
  const integer = (value: bigint) => {
    const hex = value.toString(16);
    const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
    const positive = bytes[0]! > 127 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes;
    return Buffer.concat([Buffer.from([2, positive.length]), positive]);
  };
  const body = Buffer.concat([integer(r), integer(s)]);
  return Buffer.concat([Buffer.from([0x30, body.length]), body]);
}

let signatures = 0;
const handlers = {
  GetPublicKey: ({ KeyId }: { KeyId: string }) => {
    if (SPEC[KeyId] !== undefined)
      return { KeyId, KeySpec: SPEC[KeyId], PublicKey: base64(Buffer.from('key')) };
    const key = KEYS[KeyId];
    if (key === undefined) throw new ServiceFault('NotFoundException', `Alias ${KeyId} is not found.`);
    const point = Buffer.from(hexToBytes(privateKeyToAccount(key).publicKey)).subarray(1);
    const [x, y] = [point.subarray(0, 32), point.subarray(32)].map((part) => part.toString('base64url'));
    const jwk = { kty: 'EC', crv: 'secp256k1', x: x!, y: y! };
    const der = createPublicKey({ key: jwk, format: 'jwk' }).export({ format: 'der', type: 'spki' });
    return { KeyId, KeySpec: 'ECC_SECG_P256K1', KeyUsage: 'SIGN_VERIFY', PublicKey: base64(der) };
  },
  Sign: async ({ KeyId, Message, MessageType, SigningAlgorithm }: Record<string, string>) => {
    expect({ MessageType, SigningAlgorithm }).toEqual({
      MessageType: 'DIGEST',
      SigningAlgorithm: 'ECDSA_SHA_256',
    });
    const hash = toHex(Buffer.from(Message!, 'base64'));
    const { r, s } = await sign({ hash, privateKey: KEYS[KeyId!]! });
    const given = signatures++ % 2 === 0 ? ORDER - BigInt(s) : BigInt(s);
    return { KeyId, Signature: base64(toDer(BigInt(r), given)), SigningAlgorithm };
  },
};

let local: LocalChain;
let kms: Awaited<ReturnType<typeof startAwsDouble>>;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-auction-kms-'));
  [local, kms] = await Promise.all([startAnvil(), startAwsDouble({ service: 'kms', handlers })]);
  Object.assign(process.env, {
    AWS_ENDPOINT_URL_KMS: kms.settings.endpoint,
    ...{ AWS_REGION: 'eu-west-1', AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' },
  });
}, 120_000);
afterAll(async () => {
  process.env = { ...environment };
  await Promise.all([local.stop(), kms.aws.stop(), rm(folder, { recursive: true, force: true })]);
  expect(kms.aws.violations).toEqual([]);
});

test('keys of KMS sign bids that the chain takes, with either value of a signature', async () => {
  const { owner, bidders } = await readAccounts('kms:alias/owner,alias/bidder', 31337);
  expect(owner.address).toBe(privateKeyToAccount(KEYS['alias/owner']!).address);
  await local.rpc('anvil_setBalance', [bidders[0]!.address, toHex(parseEther('10'))]);
  const auction = await deployAuction(local.rpcUrl);
  const before = signatures;
  const bids = [3n, 4n, 5n].map((amount) => ({ bidder: bidders[0]!, amount }));
  const transactions = await signBids(auction.chain, auction.address, bids);
  expect(signatures - before).toBe(3);
  await sendTransactions(auction.chain, transactions, signal);
  expect(await awaitTransactions(auction.chain, transactions, { signal })).toHaveLength(3);
  expect(await auction.chain.client.getBalance({ address: auction.address })).toBe(12n);
});

test('a file may name keys of KMS beside its own, and a key of another kind is refused', async () => {
  const file = join(folder, 'keys.json');
  const own = generatePrivateKey();
  await writeFile(file, JSON.stringify({ owner: 'kms:alias/owner', bidders: [own, 'kms:alias/bidder'] }));
  const { owner, bidders } = await readAccounts(`file:${file}`, 31337);
  const expected = [KEYS['alias/owner']!, own, KEYS['alias/bidder']!].map(
    (key) => privateKeyToAccount(key).address,
  );
  expect([owner, ...bidders].map(({ address }) => address)).toEqual(expected);
  await expect(readAccounts('kms:alias/rsa,alias/bidder', 31337)).rejects.toMatchObject({
    code: 'InvalidInput',
    message: expect.stringContaining('RSA_2048'),
  });
  await expect(readAccounts('kms:alias/owner', 31337)).rejects.toThrow('give a list of keys');
  await expect(readAccounts('secret', 31337)).rejects.toThrow('give file:PATH, or kms:OWNER,BIDDER');
});
