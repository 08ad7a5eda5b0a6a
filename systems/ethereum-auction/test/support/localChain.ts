import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { freePort } from 'sluice';
import { createTestClient, http, publicActions, walletActions } from 'viem';
import { foundry } from 'viem/chains';
import { findAnvil } from '../../src/services';

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
export type LocalChain = Awaited<ReturnType<typeof startAnvil>>;
