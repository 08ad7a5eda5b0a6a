import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseInput } from 'sluice';
import { toHex } from 'viem';
import { compileContract } from '../src/chain/compile';
import { readAccounts } from '../src/chain/keys';
import { requireAuction } from '../src/chain/requireAuction';
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

test('a unit is wei of which the greatest bid is below 2^256', () => {
  const check = (unit: string) => parseInput(ethereumAuction.description, { unit });
  const most = (2n ** 256n - 1n) / 12n;
  expect(check(String(most))).toMatchObject({ unit: String(most) });
  for (const unit of [String(most + 1n), '9'.repeat(77), '0', '-1', '1e3', '9'.repeat(78)])
    expect(() => check(unit)).toThrow(`unit: "${unit}"; give wei`);
});

test('a contract that is no auction is refused with what it lacks, and one with more of its own is taken', async () => {
  const source = await readFile(join(__dirname, '..', 'contracts', 'Auction.sol'), 'utf8');
  const check = async (text: string) =>
    requireAuction(await compileContract(text, 's3://lake/Own.sol'), 's3://lake/Own.sol');
  await check(
    source.replace('address public immutable owner', 'uint256 public more; address immutable owner'),
  );
  await check(source.replace('constructor(uint256 blocks)', 'constructor(uint64 blocks) payable'));
  const lacking: [string, string, string][] = [
    ['constructor(uint256 blocks)', 'constructor(uint256 blocks, uint256)', 'no constructor(uint)'],
    ['function withdraw()', 'function takeOut()', 'no function withdraw()'],
    [
      'uint256 public immutable lastBlock',
      'uint256 immutable lastBlock',
      'no function lastBlock() returns (uint)',
    ],
    ['event Bid(address indexed', 'event Bid(address', 'no event Bid(address indexed, uint256)'],
  ];
  for (const [had, has, message] of lacking)
    await expect(check(source.replace(had, has))).rejects.toMatchObject({
      code: 'BadData',
      message: expect.stringContaining(`s3://lake/Own.sol: Auction has ${message}; give`) as string,
    });
  await expect(check('contract Nothing { uint256 public x; }')).rejects.toThrow(
    'no event Bid(address indexed, uint256), no event Withdrawal(address indexed, uint256), no constructor(uint), no function bid() payable, no',
  );
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

test('the accounts of a local chain are derived once', async () => {
  const accounts = await readAccounts(null, 31337);
  expect(accounts.bidders).toHaveLength(10);
  expect(await readAccounts(null, 1337)).toBe(accounts);
});
