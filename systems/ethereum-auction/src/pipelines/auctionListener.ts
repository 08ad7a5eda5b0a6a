import { definePipeline, field, joinLocation, task, type Job } from 'sluice/workflow';
import type { ChainIdentity } from '../chain/client';
import type { NextReading } from '../listener';
import type { checkChain } from '../tasks/checkChain';
import type { moveCursor } from '../tasks/moveCursor';
import type { readEvents } from '../tasks/readEvents';
import '../runners/_kinesisParameters';
import { isChecked } from './_temporal';

export interface ListenerResult {
  /** The last block that is read. */
  block: number;
  /** Records put for this contract so far, corrections among them. */
  records: number;
  /** How many reorganisations were seen so far. */
  epoch: number;
  /** Whether more is waiting for the next run. */
  more: boolean;
}

/** The events since the last time it ran, from the chain to the stream: read and announce, put, move the cursor. */
export const auctionListener = definePipeline(
  {
    name: 'auction-listener',
    about:
      "Puts an auction contract's new events into a Kinesis stream, once each, and corrects what the chain takes back.",
    input: {
      lake: field.s3({ about: 'the bucket with the cursor', default: 's3://lake' }),
      rpcUrl: field.text({
        about: 'the JSON-RPC URL of the chain; AUCTION_RPC_URL of the worker unless given',
        optional: true,
      }),
      contract: field.text({ about: "the contract's address" }),
      chain: field.text({
        about: 'which chain, such as 31337-0a1b2c3d; the one of the first run unless given',
        optional: true,
      }),
      fromBlock: field.integer({
        about: 'the block of the deployment, where the first run begins',
        default: 0,
      }),
      stream: field.text({ about: 'the Kinesis stream', default: 'auction-events' }),
      finality: field.choice(['latest', 'safe', 'finalized'], {
        about: 'the newest block that is read',
        default: 'latest',
      }),
      confirmations: field.integer({
        about: 'how many blocks below it the newest that is read is',
        default: 0,
      }),
      maxBlocks: field.integer({ about: 'how many blocks one reading has at most', least: 1, default: 2000 }),
      maxReadings: field.integer({
        about: 'how many readings one run has at most',
        least: 1,
        most: 500,
        default: 100,
      }),
      depth: field.integer({
        about: 'how many blocks deep a reorganisation is followed',
        least: 1,
        default: 512,
      }),
      through: field.integer({ about: 'wait until this block is read', optional: true }),
    },
    schedule: { cron: '*/5 * * * *', about: 'every 5 minutes' },
    findProblems: ({ contract, rpcUrl }) => [
      ...(/^0x[0-9a-fA-F]{40}$/.test(contract)
        ? []
        : [`contract: "${contract}" is no address; give 0x and 40 hex digits`]),
      ...findUrlProblems(rpcUrl),
    ],
    resources: ['kinesis:putRecords'],
  },
  async (run, input): Promise<ListenerResult> => {
    const { rpcUrl, stream, depth, maxReadings, through } = input;
    const contract = input.contract as `0x${string}`;
    const url = rpcUrl === undefined ? {} : { rpcUrl };
    const found = await run.job('wait for the chain', task<typeof checkChain>('check-chain', url));
    const chain = found.payload as ChainIdentity;
    let result: ListenerResult = { block: 0, records: 0, epoch: 0, more: true };
    for (let i = 1; i <= maxReadings && result.more; i++) {
      const { payload } = await run.job(
        `read events ${i}`,
        task<typeof readEvents>('read-events', {
          ...url,
          chain,
          contract,
          ...(input.chain === undefined ? {} : { known: input.chain }),
          folder: joinLocation(input.lake, 'ethereum-auction'),
          fromBlock: input.fromBlock,
          finality: input.finality,
          confirmations: input.confirmations,
          maxBlocks: input.maxBlocks,
          depth,
          ...(through === undefined ? {} : { through }),
        }),
      );
      const { cursor, object, block, more, total, epoch } = payload as NextReading;
      result = { block, epoch, more, records: total };
      if (object === null) continue;
      await run.job(`put records ${i}`, putObject(stream, object));
      const moved = await run.job(
        `move the cursor ${i}`,
        task<typeof moveCursor>('move-cursor', { cursor, object, depth }),
      );
      result = { ...result, ...(moved.payload as { block: number; records: number; epoch: number }) };
      result.more ||= through !== undefined && result.block < through;
    }
    return result;
  },
);

function putObject(StreamName: string, Uri: string): Job<'kinesis:putRecords'> {
  return {
    resource: 'kinesis:putRecords',
    parameters: { StreamName, Object: { Uri, PartitionKeyField: 'Bidder' } },
  };
}

/** What a path without a key is made of. */
const PATH_WORDS =
  /^(\/(v\d|rpc|json-?rpc|http|api|node|evm|eth|ethereum|ext|bc|c|public|archive|(main|test)net|sepolia|holesky|hoodi))*\/?$/i;

/** A URL with a key in it would stay in the run's history: all is refused that is no host, port or known word. */
export function findUrlProblems(rpcUrl: string | undefined): string[] {
  if (rpcUrl === undefined) return [];
  const url = /^(https?):\/\/([^/?#\s]+)([^\s]*)$/.exec(rpcUrl);
  if (url === null) return ['rpcUrl: no URL; give one such as http://127.0.0.1:8545'];
  const [, , host, path] = url as unknown as [string, string, string, string];
  const wasRefused = host.includes('@') || /[\w-]{20,}|[?]/.test(path);
  return wasRefused || (!PATH_WORDS.test(path) && isChecked('rpc-url-is-words'))
    ? [
        'rpcUrl: may hold a key, and the input stays in the history; set AUCTION_RPC_URL on the worker and leave rpcUrl out',
      ]
    : [];
}
