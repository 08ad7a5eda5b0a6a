import { moveCursor, readNext, type Listening, type NextReading } from '../../src/listener';
import { getText } from '../../src/lakeObjects';
import type { AuctionRecord } from '../../src/records';
import type { TestAuction } from './auction';
import type { LocalS3 } from './localS3';

let folders = 0;
/** A listener to an auction, which keeps what it would put into the stream. */
export function listenTo(lake: LocalS3, auction: TestAuction, options: Partial<Listening> = {}) {
  const listening: Listening = {
    chain: auction.chain,
    s3: lake.s3,
    folder: `s3://lake/test-${++folders}`,
    contract: auction.address,
    fromBlock: auction.block,
    finality: 'latest',
    confirmations: 0,
    maxBlocks: 2000,
    depth: 512,
    ...options,
  };
  const put: AuctionRecord[] = [];
  const readings: NextReading[] = [];
  const putObject = async ({ object }: NextReading) => {
    const text = await getText(lake.s3, object!);
    put.push(
      ...text
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as AuctionRecord),
    );
  };
  return {
    listening,
    put,
    readings,
    putObject,
    /** Listens until there is nothing more. */
    async run() {
      for (let more = true; more;) {
        const next = await readNext(listening);
        readings.push(next);
        more = next.more;
        if (next.object === null) continue;
        await putObject(next);
        await moveCursor(lake.s3, { cursor: next.cursor, object: next.object, depth: listening.depth });
      }
    },
  };
}
