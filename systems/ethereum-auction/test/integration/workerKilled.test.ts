/** Whole runs by real workers, which are killed at random moments; the chain itself says what had to come of them. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { seeded, type Random } from 'sluice/testing';
import { startStack, type Stack } from '../../../../src/local';
import { sluice } from '../../../../test/support/cli';
import { countOf, seedOf } from '../../../../test/support/long';
import { projectFile, projectOf } from '../../../../test/support/project';
import { giveUpWorker, WorkerProcesses } from '../../../../test/support/workerProcesses';
import { AUCTION_ABI } from '../../src/chain/auctionAbi';
import { connectChain, type Chain } from '../../src/chain/client';
import type { EthereumAuctionResult } from '../../src/pipelines/ethereumAuction';
import type { AuctionRecord } from '../../src/records';
import { anvil, delivery, kinesis } from '../../src/services';
import { countedRecords } from '../support/records';
import { portOffset } from '../../../../test/support/portOffset';

/** The requirement is 100. */
const KILLS = countOf({ suite: 1, soak: 100 });
/** A worker that has just begun may not be at anything yet. */
const LIVES_MS = { least: 200, most: 2000 };
/** Work whose worker died six times is given up. */
const MOST_DEATHS = 4;
const PORT_OFFSET = portOffset();

let folder: string;
let stack: Stack;
let client: Client;
let chain: Chain;
const workers = new WorkerProcesses(projectFile('ethereum-auction'));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-auction-workers-'));
  stack = await startStack({
    ...{
      dir: folder,
      portOffset: PORT_OFFSET,
      spark: false,
      worker: false,
      webhook: false,
      report: () => {},
    },
    ...projectOf('ethereum-auction', [anvil, kinesis, delivery]),
  });
  const { address, namespace } = stack.info.temporal;
  client = new Client({ connection: await Connection.connect({ address }), namespace });
  chain = await connectChain({ rpcUrl: stack.info.env['AUCTION_RPC_URL']! });
}, 300_000);
afterAll(async () => {
  workers.killAll();
  await client?.connection.close();
  await stack?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
}, 60_000);

const pendingOf = async (id: string): Promise<string[]> =>
  ((await client.workflow.getHandle(id).describe()).raw.pendingActivities ?? []).map(
    ({ activityId }) => activityId!,
  );

/** What it was at is begun again at once, and not after a heartbeat that did not come. */
async function kill(worker: ChildProcess): Promise<void> {
  worker.kill('SIGKILL');
  for await (const { workflowId } of client.workflow.list({ query: 'ExecutionStatus = "Running"' }))
    // A run that has just ended has nothing to be given up.
    await giveUpWorker(client.workflow.getHandle(workflowId), worker.pid!).catch(() => {});
}

let started = 0;
/** Runs an auction while up to `kills` workers die. */
async function runAuction(
  random: Random,
  kills: number,
): Promise<{ result: EthereumAuctionResult; died: number }> {
  const { env } = stack.info;
  const id = `auction-${++started}-${Date.now()}`;
  let worker = await workers.start(env);
  const given = ['-p', 'batches=3', '-p', 'blocks=6', '-p', `seed=${started}`];
  expect(await sluice(['start', 'ethereum-auction', '--id', id, ...given], { env })).toMatchObject({
    code: 0,
  });
  let ended = false;
  const result = client.workflow.getHandle(id).result() as Promise<EthereumAuctionResult>;
  const over = result.finally(() => (ended = true)).catch(() => {});
  let died = 0;
  const deaths = new Map<string, number>();
  while (died < kills && !ended) {
    await Promise.race([over, sleep(LIVES_MS.least + random() * (LIVES_MS.most - LIVES_MS.least))]);
    if (ended) break;
    const pending = await pendingOf(id);
    if (pending.some((activity) => (deaths.get(activity) ?? 0) >= MOST_DEATHS)) continue;
    for (const activity of pending) deaths.set(activity, (deaths.get(activity) ?? 0) + 1);
    await kill(worker);
    died++;
    worker = await workers.start(env);
  }
  try {
    return { result: await result, died };
  } finally {
    worker.kill('SIGKILL');
  }
}

function readRecords(): AuctionRecord[] {
  const events = join(folder, 's3', 'lake', 'ethereum-auction', 'events');
  const files = readdirSync(events, { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
  return files.flatMap((file) =>
    readFileSync(join(file.parentPath, file.name), 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as AuctionRecord),
  );
}

async function countContracts(): Promise<number> {
  let contracts = 0;
  const head = await chain.client.getBlockNumber();
  for (let number = 0n; number <= head; number++) {
    const { transactions } = await chain.client.getBlock({ blockNumber: number, includeTransactions: true });
    contracts += transactions.filter(({ to }) => to === null).length;
  }
  return contracts;
}

/** The rows of an answer, by their column's name. */
async function readAnswer(uri: string): Promise<Record<string, string>[]> {
  const [header, ...rows] = (await readFile(join(folder, 's3', uri.slice('s3://'.length)), 'utf8'))
    .trim()
    .split('\n');
  const names = header!.split(',');
  return rows.map((row) => Object.fromEntries(row.split(',').map((value, i) => [names[i]!, value])));
}

test(`workers killed at ${KILLS} random moments leave one contract a run, each event once, and answers that are so`, async () => {
  const random = seeded(seedOf(5));
  const contractsBefore = await countContracts();
  let [kills, runs] = [0, 0];
  do {
    const { result, died } = await runAuction(random, KILLS - kills);
    kills += died;
    runs++;
    const address = result.contract!.address;
    const events = await chain.client.getContractEvents({
      address,
      abi: AUCTION_ABI,
      fromBlock: 0n,
      strict: true,
    });
    const ids = events.map(({ transactionHash, logIndex }) => `${transactionHash}:${logIndex}`);
    const counted = countedRecords(readRecords().filter(({ Contract }) => Contract === address));
    expect(counted.map(({ Id }) => Id).sort()).toEqual(ids.sort());
    const bids = events.flatMap(({ eventName, args }) => (eventName === 'Bid' ? [args.amount] : []));
    expect(bids).toHaveLength(30);
    const spent = (await readAnswer(result.answers['spend_per_block']!)).reduce(
      (sum, { spend }) => sum + BigInt(spend!),
      0n,
    );
    expect(spent).toBe(bids.reduce((sum, amount) => sum + amount, 0n));
    // All that was bid has gone back to the losers, or to the owner.
    expect(await chain.client.getBalance({ address })).toBe(0n);
    const funds = await readAnswer(result.answers['funds']!);
    const sum = (column: string) => funds.reduce((all, row) => all + BigInt(row[column]!), 0n);
    expect(sum('withdrawn')).toBe(spent);
  } while (kills < KILLS);
  expect((await countContracts()) - contractsBefore).toBe(runs);
}, 3_600_000);
