import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseInput } from 'sluice';
import { toHex } from 'viem';
import { readAccounts } from '../src/chain/keys';
import { auctionListener } from '../src/pipelines/auctionListener';
import { ethereumAuction } from '../src/pipelines/ethereumAuction';

const contract = '0x00000000000000000000000000000000000000aa';
const listen = (rpcUrl: string) => parseInput(auctionListener.description, { contract, rpcUrl });

test.each([
  ...[
    'https://user@rpc.example',
    'https://user:key@rpc.example/',
    'https://rpc.example/?k',
    'https://rpc.example/#k',
  ],
  ...[
    'https://rpc.example/v3/short',
    'https://rpc.example/v3/0123456789abcdef',
    'https://rpc.example/v3%2Fkey',
  ],
])('the URL %s may hold a key and is refused', (rpcUrl) => {
  for (const check of [() => listen(rpcUrl), () => parseInput(ethereumAuction.description, { rpcUrl })])
    expect(check).toThrow(/rpcUrl: may hold a key.*set AUCTION_RPC_URL on the worker/);
});

test.each([
  ...[
    'http://127.0.0.1:8545',
    'https://rpc.example/',
    'https://rpc.example/rpc',
    'http://[::1]:8545/ext/bc/C/rpc',
  ],
  ...['https://rpc.example:8443/v1/mainnet'],
])('the URL %s holds no key', (rpcUrl) => {
  expect(listen(rpcUrl)).toMatchObject({ rpcUrl });
});

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

test.each([0n, ORDER, 2n ** 256n - 1n])(
  'the number %i is no private key, and no message has it',
  async (key) => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-auction-keys-'));
    try {
      const file = join(folder, 'keys.json');
      const right = toHex(ORDER - 1n, { size: 32 });
      await writeFile(file, JSON.stringify({ owner: right, bidders: [right, toHex(key, { size: 32 })] }));
      await expect(readAccounts(`file:${file}`, 31337)).rejects.toMatchObject({
        code: 'InvalidInput',
        message: `${file}: bidders[1]: is no private key; give 0x and 64 hex digits, or kms: and a key of KMS`,
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
);
