import { seedOf } from '../../../../test/support/long';
import { createRandom } from '../../src/chain/bids';
import type { TestAuction } from './auction';
import type { listenTo } from './listener';

/**
 * Bids and listens while the chain is seeded to change its mind `count` times, then bids and listens once more.
 * @param most how many blocks come before each change at most
 */
export async function reorganiseSeeded(
  auction: TestAuction,
  listener: Pick<ReturnType<typeof listenTo>, 'run'>,
  {
    chain,
    count,
    most,
  }: { chain: { reorganise(depth: number): Promise<unknown> }; count: number; most: number },
): Promise<void> {
  const random = createRandom(seedOf(7));
  for (let i = 0, batch = 1; i < count; i++) {
    const blocks = 1 + Math.floor(random() * most);
    for (let block = 0; block < blocks; block++) await auction.bid(batch++, 1 + Math.floor(random() * 4));
    await listener.run();
    // Not deeper than what came last: the contract stays.
    await chain.reorganise(1 + Math.floor(random() * blocks));
    // Some are seen at once, some only with the next blocks.
    if (random() < 0.5) await listener.run();
  }
  await auction.bid(1_000_000);
  await listener.run();
}
