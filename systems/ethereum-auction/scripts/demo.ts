/**
 * The whole of it on this machine: a chain, 200 bids in 20 blocks (on geth 50 in 5), a reorganisation that is forced while a
 * listener runs, the answers and the picture. `npm run demo -- [--chain anvil|geth] [--dir DIR] [--port-offset N]`
 */
import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { runDemo, say, withLocalStack } from 'sluice-demo';
import { connectChain } from '../src/chain/client';
import { chooseChain } from './_chain';

const { chain, rest } = chooseChain(process.argv.slice(2));
process.env['AUCTION_CHAIN'] = chain;
const { values } = parseArgs({
  args: rest,
  options: {
    dir: { type: 'string', default: join(tmpdir(), `sluice-auction-demo-${process.pid}`) },
    'port-offset': { type: 'string', default: '300' },
  },
});
const stack = { project: join(__dirname, '..'), dir: values.dir, portOffset: values['port-offset'] };

/** geth makes a block a second, whether there are bids or not. */
const AUCTION = chain === 'anvil' ? { batches: 20, blocks: 40 } : { batches: 5, blocks: 60 };

/** The two newest blocks, with withdrawals in them, are replaced. */
async function reorganise(rpcUrl: string): Promise<void> {
  const { client } = await connectChain({ rpcUrl });
  const request = client.request as unknown as (call: object) => Promise<unknown>;
  if (chain === 'anvil') return void (await request({ method: 'anvil_reorg', params: [2, []] }));
  const head = await client.getBlockNumber();
  await request({ method: 'debug_setHead', params: [`0x${(head - 2n).toString(16)}`] });
  // A listener sees it once the other blocks are as many.
  while ((await client.getBlockNumber()) <= head) await wait(200);
}

runDemo(() =>
  withLocalStack(stack, async ({ env, ui, run }) => {
    say(`local chain (${chain}), Kinesis, S3 and Temporal are up: ${ui.url}`);
    const { contract, answers, picture } = (await run('ethereum-auction', AUCTION)) as {
      contract: { address: `0x${string}`; block: number };
      answers: Record<string, string>;
      picture: string;
    };
    say(
      `${AUCTION.batches * 10} bids in ${AUCTION.batches} blocks to ${contract.address}, all funds withdrawn, answered`,
    );

    const listen = async () => {
      const input = { contract: contract.address, fromBlock: contract.block };
      return ((await run('auction-listener', input)) as { epoch: number }).epoch;
    };
    const before = await listen();
    await reorganise(env['AUCTION_RPC_URL']!);
    const after = await listen();
    say(`the chain took back 2 blocks: epoch ${before} became ${after}, with correcting records`);

    const lake = join(values.dir, 's3', 'lake');
    const at = (uri: string) => join(lake, uri.replace(/^s3:\/\/[^/]+\//, ''));
    for (const [name, uri] of Object.entries(answers)) {
      const rows = (await readFile(at(uri), 'utf8')).trim().split('\n');
      say(`${name}: ${rows.length - 1} rows, such as ${rows[1] ?? 'none'}`);
    }
    const events = await readdir(join(lake, 'ethereum-auction', 'events'), { recursive: true });
    say(
      `${events.filter((file) => file.endsWith('.json')).length} objects of events in ${join(lake, 'ethereum-auction', 'events')}`,
    );
    say(`picture: ${at(picture)}`);
  }),
);
