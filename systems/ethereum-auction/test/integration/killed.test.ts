/** The run as its steps, killed between any two of them and begun again from what its history would hold. */
import { mkdtemp, rm } from 'node:fs/promises';
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateStreamCommand, waitUntilStreamExists, type KinesisClient } from '@aws-sdk/client-kinesis';
import { freePort } from 'sluice';
import { countOf, seedOf } from '../../../../test/support/long';
import { createRandom, planBids } from '../../src/chain/bids';
import { awaitTransactions, sendTransactions, signBids } from '../../src/chain/transactions';
import { moveCursor, readNext, type Listening } from '../../src/listener';
import { getText } from '../../src/lakeObjects';
import type { AuctionRecord } from '../../src/records';
import { deliverStream } from '../../src/streams/delivery';
import { createKinesis } from '../../src/streams/kinesisClient';
import { putRecords } from '../../src/streams/putRecords';
import { deployAuction, signal } from '../support/auction';
import { end, startAnvil, untilAnswering, type LocalChain } from '../support/localChain';
import { startS3, type LocalS3 } from '../support/localS3';
import { countedRecords, countedSum } from '../support/records';

/** The requirement is 100. */
const KILLS = countOf({ suite: 6, soak: 100 });
const STREAM = 'auction-events';

let local: LocalChain;
let lake: LocalS3;
let server: ChildProcess;
let kinesis: KinesisClient;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-auction-killed-'));
  [local, lake] = await Promise.all([startAnvil(), startS3()]);
  const port = await freePort();
  const program = `require('kinesalite')({ createStreamMs: 0 }).listen(${port}, '127.0.0.1')`;
  server = spawn(process.execPath, ['-e', program], { cwd: __dirname, stdio: 'ignore' });
  await untilAnswering(`http://127.0.0.1:${port}`);
  kinesis = createKinesis(`http://127.0.0.1:${port}`);
  await kinesis.send(new CreateStreamCommand({ StreamName: STREAM, ShardCount: 2 }));
}, 120_000);
afterAll(async () => {
  kinesis.destroy();
  await Promise.all([local.stop(), lake.stop(), end(server), rm(folder, { recursive: true, force: true })]);
});

class Killed extends Error {}

test('killed at seeded moments between signing, sending, receipt, put and cursor, every event counts once', async () => {
  const random = createRandom(seedOf(3));
  const auction = await deployAuction(local.rpcUrl);
  const { chain, address, accounts } = auction;
  const listening: Listening = {
    chain,
    s3: lake.s3,
    folder: 's3://lake/ethereum-auction',
    contract: address,
    fromBlock: auction.block,
    finality: 'latest',
    confirmations: 0,
    maxBlocks: 3,
    depth: 64,
  };
  let kills = 0;
  const mayDie = () => {
    if (kills < KILLS && random() < 0.4) {
      kills++;
      throw new Killed();
    }
  };
  /** A step that is begun again until it ends, as its activity is. */
  const step = async (body: () => Promise<void>) => {
    for (;;) {
      try {
        return await body();
      } catch (error) {
        if (!(error instanceof Killed)) throw error;
      }
    }
  };
  const listen = async () => {
    for (let more = true; more;) {
      const next = await readNext(listening);
      more = next.more;
      if (next.object === null) continue;
      mayDie();
      const lines = (await getText(lake.s3, next.object)).split('\n').filter(Boolean);
      const records = lines.map((line) => ({
        data: `${line}\n`,
        key: (JSON.parse(line) as AuctionRecord).Bidder,
      }));
      await putRecords({ kinesis, stream: STREAM, records, signal });
      mayDie();
      await moveCursor(lake.s3, { cursor: next.cursor, object: next.object, depth: 64 });
      mayDie();
    }
  };

  let sent = 0;
  for (let batch = 1; kills < KILLS; batch++) {
    const planned = planBids({ seed: 2, batch, size: 5, bidders: 10, unit: 1n });
    const bids = planned.map(({ bidder, amount }) => ({ bidder: accounts.bidders[bidder]!, amount }));
    const transactions = await signBids(chain, address, bids);
    await step(async () => {
      mayDie();
      await sendTransactions(chain, transactions, signal);
      mayDie();
      await awaitTransactions(chain, transactions, { signal });
      mayDie();
    });
    sent += transactions.length;
    if (batch % 3 === 0) await local.reorganise(1);
    await step(listen);
  }
  await auction.bid(10_000);
  await step(listen);

  const stop = new AbortController();
  const delivered = deliverStream({
    kinesis,
    s3: lake.s3,
    stream: STREAM,
    folder: listening.folder,
    bufferBytes: 2_000,
    bufferMs: 50,
    signal: stop.signal,
  });
  const read = async () =>
    (await lake.readAll('ethereum-auction/events'))
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as AuctionRecord);
  const balance = await chain.client.getBalance({ address });
  for (let i = 0; i < 200 && countedSum(await read()) !== balance; i++)
    await new Promise((resolve) => setTimeout(resolve, 100));
  stop.abort();
  await delivered;

  const records = await read();
  expect(countedSum(records)).toBe(balance);
  expect(new Set(records.map((record) => JSON.stringify(record))).size).toBe(records.length);
  expect(countedRecords(records).length).toBeLessThanOrEqual(sent + 10);
  const codes = await chain.client.getTransactionCount({ address: accounts.owner.address });
  // One transaction of the owner's: one contract.
  expect(codes).toBe(1);
}, 600_000);

test('records without an id are each delivered, whether it is missing or null', async () => {
  const stream = `records-without-id-${randomUUID()}`;
  await kinesis.send(new CreateStreamCommand({ StreamName: stream, ShardCount: 1 }));
  await waitUntilStreamExists({ client: kinesis, maxWaitTime: 30, minDelay: 1 }, { StreamName: stream });
  const given = [1, 2].flatMap((Block) => [{ Id: null, Block }, { Id: '', Block }, { Block }]);
  const records = given.map((record) => ({ data: `${JSON.stringify(record)}\n`, key: 'a' }));
  await putRecords({ kinesis, stream, records, signal });
  const stop = new AbortController();
  const delivered = deliverStream({
    ...{ kinesis, s3: lake.s3, stream, folder: 's3://lake/without-id', bufferBytes: 100_000, bufferMs: 50 },
    signal: stop.signal,
    onObject: () => stop.abort(),
  });
  await delivered;
  const lines = (await lake.readAll('without-id/events')).trimEnd().split('\n');
  expect(lines).toEqual(given.map((record) => JSON.stringify(record)));
});
