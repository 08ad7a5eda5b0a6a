/**
 * The whole of it on this machine: a chain, 200 bids in 20 blocks, a reorganisation that is forced while a listener runs,
 * the answers and the picture. `npm run demo -- [--dir DIR] [--port-offset N]`
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs, promisify } from 'node:util';
import { connectChain } from '../src/chain/client';

const { values } = parseArgs({
  options: {
    dir: { type: 'string', default: join(tmpdir(), `sluice-auction-demo-${process.pid}`) },
    'port-offset': { type: 'string', default: '300' },
  },
});
const project = join(__dirname, '..');
const client = require
  .resolve('sluice/package.json')
  .replace('package.json', join('dist', 'src', 'client.js'));
const startedAt = Date.now();
const say = (text: string) =>
  console.log(`${((Date.now() - startedAt) / 1000).toFixed(1).padStart(5)} s  ${text}`);

interface Ready {
  env: Record<string, string>;
  ui: { url: string };
}

async function startStack() {
  const args = [
    client,
    'dev',
    '--json',
    '--no-spark',
    '--dir',
    values.dir,
    '--port-offset',
    values['port-offset'],
  ];
  const stack = spawn(process.execPath, args, { cwd: project, stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: stack.stdout });
  for await (const line of lines) {
    const said = JSON.parse(line) as Partial<Ready & { ready: boolean }>;
    if (said.ready) return { stack, ready: said as Ready };
  }
  throw new Error('the local stack did not start');
}

async function sluice(env: Record<string, string>, ...args: string[]): Promise<Record<string, unknown>> {
  const options = { cwd: project, env: { ...process.env, ...env }, maxBuffer: 64 * 1024 * 1024 };
  const { stdout } = await promisify(execFile)(process.execPath, [client, ...args, '--json'], options);
  return JSON.parse(stdout) as Record<string, unknown>;
}

async function main() {
  const { stack, ready } = await startStack();
  try {
    say(`local chain, Kinesis, S3 and Temporal are up: ${ready.ui.url}`);
    const run = await sluice(
      ready.env,
      'start',
      'ethereum-auction',
      '--wait',
      ...given({ batches: 20, blocks: 40 }),
    );
    const { contract, answers, picture } = run['result'] as {
      contract: { address: `0x${string}`; block: number };
      answers: Record<string, string>;
      picture: string;
    };
    say(`200 bids in 20 blocks to ${contract.address}, all funds withdrawn, answered`);

    const again = () =>
      sluice(
        ready.env,
        'start',
        'auction-listener',
        '--wait',
        ...given({ contract: contract.address, fromBlock: contract.block }),
      );
    const before = await again();
    await reorganise(ready.env['AUCTION_RPC_URL']!);
    const after = await again();
    const epochOf = (answer: Record<string, unknown>) => (answer['result'] as { epoch: number }).epoch;
    say(
      `the chain took back 2 blocks: epoch ${epochOf(before)} became ${epochOf(after)}, with correcting records`,
    );

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
  } finally {
    stack.kill('SIGTERM');
    await once(stack, 'exit');
  }
}

function given(input: Record<string, string | number>): string[] {
  return Object.entries(input).flatMap(([name, value]) => ['-p', `${name}=${value}`]);
}

/** The two newest blocks, with the withdrawals in them, are replaced by empty ones. */
async function reorganise(rpcUrl: string): Promise<void> {
  const { client: chain } = await connectChain({ rpcUrl });
  const request = chain.request as unknown as (call: object) => Promise<unknown>;
  await request({ method: 'anvil_reorg', params: [2, []] });
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
