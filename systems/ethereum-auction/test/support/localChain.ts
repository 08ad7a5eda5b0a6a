import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { freePort } from 'sluice';
import { createTestClient, http, publicActions, walletActions } from 'viem';
import { foundry } from 'viem/chains';
import { findAnvil, geth } from '../../src/services';

/** Waits until a TCP server answers at the URL, whatever it says. */
export async function untilAnswering(url: string): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    try {
      await fetch(url);
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** A chain of anvil's, new, with nothing on it. */
export async function startAnvil(port?: number, args: string[] = []) {
  const taken = port ?? (await freePort());
  const rpcUrl = `http://127.0.0.1:${taken}`;
  const child = spawn(findAnvil(), ['--port', String(taken), '--accounts', '11', '--silent', ...args], {
    stdio: 'ignore',
  });
  await untilAnswering(rpcUrl);
  const test = createTestClient({
    chain: foundry,
    mode: 'anvil',
    cacheTime: 0,
    transport: http(rpcUrl, { timeout: 60_000 }),
  })
    .extend(publicActions)
    .extend(walletActions);
  const rpc = (method: string, params: unknown[]) =>
    (test.request as unknown as (call: object) => Promise<unknown>)({ method, params });
  return {
    rpcUrl,
    test,
    /** Replaces the newest blocks by as many empty ones. */
    reorganise: (depth: number) => rpc('anvil_reorg', [depth, []]),
    rpc,
    stop: () => end(child),
  };
}
/** A chain of geth's as the local stack starts it, but for what it is told; without Go it cannot be had. */
export async function startGeth(dir: string, told: string[] = []) {
  const port = await freePort();
  const rpcUrl = `http://127.0.0.1:${port}`;
  const command = geth.command as (context: object) => Promise<readonly string[]>;
  const [program, ...args] = await command({ port, dir, env: {} });
  const child = spawn(program!, [...args, ...told], { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface({ input: child.stdout })) if (line === 'ready') break;
  const rpc = async (method: string, params: unknown[]) => {
    const answer = await fetch(rpcUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    });
    const { result, error } = (await answer.json()) as { result: unknown; error?: { message: string } };
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  };
  const head = async () => Number(await rpc('eth_blockNumber', []));
  const untilBlock = async (block: number) => {
    while ((await head()) < block) await new Promise((resolve) => setTimeout(resolve, 100));
  };
  return {
    rpcUrl,
    rpc,
    head,
    untilBlock,
    /** Takes the newest blocks away; the chain goes on from there until it is longer than it was. */
    async reorganise(depth: number) {
      const before = await head();
      await rpc('debug_setHead', [`0x${(before - depth).toString(16)}`]);
      await untilBlock(before + 1);
    },
    async stop() {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}

export type LocalChain = Awaited<ReturnType<typeof startAnvil>>;
