/** The listener on a chain of geth's, which the local stack builds where Go is. `SLUICE_LONG=1`: it takes minutes. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { countOf, isLong } from '../../../../test/support/long';
import { readHead } from '../../src/chain/events';
import { deployAuction, type TestAuction } from '../support/auction';
import { listenTo } from '../support/listener';
import { startGeth } from '../support/localChain';
import { startS3, type LocalS3 } from '../support/localS3';
import { countedSum } from '../support/records';
import { reorganiseSeeded } from '../support/reorganisations';

const hasGo = (() => {
  try {
    execFileSync('go', ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();
const GAP = 5000;
const REORGANISATIONS = countOf({ suite: 1, soak: 100 });

let folder: string;
let local: Awaited<ReturnType<typeof startGeth>>;
let lake: LocalS3;

(isLong && hasGo ? describe : describe.skip)('on geth', () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-auction-geth-'));
    [local, lake] = await Promise.all([startGeth(join(folder, 'chain')), startS3()]);
  }, 1_200_000);
  afterAll(async () => {
    await Promise.all([local?.stop(), lake?.stop()]);
    await rm(folder, { recursive: true, force: true });
  });

  type Listener = ReturnType<typeof listenTo>;
  /** The balance is of the block that was read last: the chain goes on. */
  async function expectBalance({ chain, address }: TestAuction, { readings, put }: Listener): Promise<void> {
    const blockNumber = BigInt(readings.at(-1)!.block);
    expect(countedSum(put)).toBe(await chain.client.getBalance({ address, blockNumber }));
  }

  /** A withdrawal is a block of its own where there is one for whatever is sent. */
  const mine = ({ rpc }: Awaited<ReturnType<typeof startGeth>>, index: number) =>
    rpc('dev_addWithdrawal', [
      {
        ...{ index: `0x${index.toString(16)}`, validatorIndex: '0x1', amount: '0x1' },
        address: `0x${'11'.repeat(20)}`,
      },
    ]);

  test('after seeded reorganisations the counted records are the balance of the contract', async () => {
    const auction = await deployAuction(local.rpcUrl);
    const listener = listenTo(lake, auction, { depth: 64 });
    await reorganiseSeeded(auction, listener, { chain: local, count: REORGANISATIONS, most: 2 });
    expect(listener.readings.at(-1)!.epoch).toBeGreaterThan(0);
    await expectBalance(auction, listener);
  }, 3_600_000);

  test('a gap of 5,000 blocks is read in bounded parts', async () => {
    const everyTransaction = '0';
    const quick = await startGeth(join(folder, 'quick'), [everyTransaction]);
    try {
      const auction = await deployAuction(quick.rpcUrl);
      const listener = listenTo(lake, auction, { maxBlocks: GAP * 0.4 });
      await auction.bid(1);
      const from = await quick.head();
      for (let index = 0; (await quick.head()) < from + GAP; index++) await mine(quick, index);
      await auction.bid(2);
      await listener.run();
      expect(listener.readings.length).toBeGreaterThanOrEqual(3);
      expect(listener.put).toHaveLength(20);
      await expectBalance(auction, listener);
    } finally {
      await quick.stop();
    }
  }, 600_000);

  test('two listeners at once lose nothing, and one that reads final blocks alone reads no further', async () => {
    const auction = await deployAuction(local.rpcUrl);
    const one = listenTo(lake, auction, { maxBlocks: 2 });
    const other = listenTo(lake, auction, { folder: one.listening.folder, maxBlocks: 2 });
    for (let batch = 1; batch <= 4; batch++) await auction.bid(batch, 3);
    await Promise.all([one.run(), other.run()]);
    await one.run();
    const put = [...one.put, ...other.put];
    expect(new Set(put.map(({ Id }) => Id)).size).toBe(12);
    await expectBalance(auction, { ...one, put });
    const final = await readHead(auction.chain, 'finalized', 0);
    expect(final).toBeLessThanOrEqual(await local.head());
  }, 300_000);
});
