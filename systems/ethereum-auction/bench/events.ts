/**
 * Events of a local chain, listened to by `auction-listener` on the local stack and delivered to S3; they are to come at 5,000
 * a second at least, while no process of the stack grows.
 */
import { readdir, readFile, rm } from 'node:fs/promises';
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { say, withLocalStack } from 'sluice-demo';
import { encodeFunctionData, parseAbi } from 'viem';
import { connectChain } from '../src/chain/client';
import { compileContract } from '../src/chain/compile';
import { readAccounts } from '../src/chain/keys';
import { awaitTransactions, sendTransactions, signCalls, signDeployment } from '../src/chain/transactions';

/** A contract that tells of many bids in one transaction. */
const SOURCE = `// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.0;
contract Many {
  event Bid(address indexed bidder, uint256 amount);
  constructor(uint256) {}
  function tell(uint256 first, uint256 count) external {
    for (uint256 i = first; i < first + count; i++) emit Bid(address(uint160(1 + (i % 10))), 1 + (i % 12));
  }
}`;
const ABI = parseAbi(['function tell(uint256 first, uint256 count)']);
const EVENTS_A_BLOCK = 500;
/** So many blocks come in one reading, so that there are several. */
const BLOCKS_A_READING = 20;
const LOOK_EVERY_MS = 100;
const signal = new AbortController().signal;

/** Has the chain tell of `count` events, a block for each 500. */
async function tellEvents(rpcUrl: string, count: number): Promise<{ contract: string; fromBlock: number }> {
  const chain = await connectChain({ rpcUrl });
  const { owner } = await readAccounts(null, chain.chainId);
  const contract = await compileContract(SOURCE, 'Many.sol');
  const deployment = await signDeployment(chain, owner, { contract, blocks: 1 });
  await sendTransactions(chain, [deployment], signal);
  const [deployed] = await awaitTransactions(chain, [deployment], { signal });
  for (let first = 0; first < count; first += EVENTS_A_BLOCK) {
    const args = [BigInt(first), BigInt(Math.min(EVENTS_A_BLOCK, count - first))] as const;
    const data = encodeFunctionData({ abi: ABI, functionName: 'tell', args });
    const to = deployment.address;
    const call = await signCalls(chain, [{ account: owner, to, data, value: 0n, gas: 2_000_000n }]);
    await sendTransactions(chain, call, signal);
    await awaitTransactions(chain, call, { signal });
  }
  return { contract: deployment.address, fromBlock: deployed!.block };
}

/** Counts the lines below a folder; what was counted is not read again. */
function countLines(folder: string): () => Promise<number> {
  const counted = new Map<string, number>();
  return async () => {
    const names = await readdir(folder, { recursive: true }).catch(() => []);
    for (const name of names.filter((one) => one.endsWith('.json') && !counted.has(one)))
      counted.set(name, (await readFile(join(folder, name), 'utf8')).split('\n').length - 1);
    return [...counted.values()].reduce((sum, lines) => sum + lines, 0);
  };
}

/** Megabytes that the scripts of the stack have in memory. Linux alone tells. */
function readMemory(stackPid: number): Map<string, number> {
  const parents = new Map<number, number>();
  const found = new Map<number, { name: string; megabytes: number }>();
  for (const pid of readdirSync('/proc').map(Number).filter(Number.isInteger)) {
    try {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      const of = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean);
      parents.set(pid, of('PPid'));
      const script = words.findIndex((word) => /\.m?js$/.test(word));
      const ofScript = script < 0 ? [] : words.slice(script, script + 2);
      const name = ofScript.map((word) => word.split('/').at(-1)).join(' ');
      found.set(pid, { name, megabytes: of('VmRSS') / 1024 });
    } catch {
      // It has ended meanwhile.
    }
  }
  const isOfStack = (pid: number): boolean =>
    pid === stackPid || (parents.has(pid) && isOfStack(parents.get(pid)!));
  // What waits beside each process to end it has a megabyte.
  const nodes = [...found].filter(
    ([pid, { name, megabytes }]) => isOfStack(pid) && name !== '' && megabytes > 10,
  );
  return new Map(nodes.map(([pid, { name, megabytes }]) => [`${name} (${pid})`, megabytes]));
}

export async function benchEvents(count: number, portOffset: string): Promise<void> {
  const dir = join(tmpdir(), `sluice-auction-bench-${process.pid}`);
  const stack = { project: join(__dirname, '..'), dir, portOffset };
  try {
    await withLocalStack(stack, async ({ env, pid, run }) => {
      const { contract, fromBlock } = await tellEvents(env['AUCTION_RPC_URL']!, count);
      say(`${count} events in ${Math.ceil(count / EVENTS_A_BLOCK)} blocks are on the chain`);
      const delivered = countLines(join(dir, 's3', 'lake', 'ethereum-auction', 'events'));
      const memory: Map<string, number>[] = [];
      const startedAt = performance.now();
      let isOver = false;
      const listening = run('auction-listener', { contract, fromBlock, maxBlocks: BLOCKS_A_READING });
      const watching = (async () => {
        for (; !isOver; await wait(500)) memory.push(readMemory(pid));
      })();
      let lines = 0;
      try {
        await listening;
        while ((lines = await delivered()) < count) await wait(LOOK_EVERY_MS);
      } finally {
        isOver = true;
        await watching;
      }
      const seconds = (performance.now() - startedAt) / 1000;
      say(`${lines} events are in S3 after ${seconds.toFixed(1)} s: ${Math.round(count / seconds)} a second`);
      for (const name of memory.at(-1)!.keys()) {
        const seen = memory.map((one) => one.get(name) ?? 0);
        const half = Math.ceil(seen.length / 2);
        const most = (part: number[]) => Math.round(Math.max(...part));
        say(
          `${name}: at most ${most(seen.slice(0, half))} MB in the first half, ${most(seen.slice(half))} MB in the second`,
        );
      }
    });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
