import type { Chain } from './client';

/** The methods by which anvil is told when a block comes; they are of no other chain. */
type Request = (call: { method: string; params: unknown[] }) => Promise<unknown>;

/** Whether it is a local chain whose blocks can be made at will. */
export async function makesBlocks(chain: Chain): Promise<boolean> {
  if (chain.chainId !== 31337) return false;
  const version = await request(chain, 'web3_clientVersion');
  return typeof version === 'string' && version.startsWith('anvil/');
}

/**
 * Lets what `send` sends come together in one block, `seconds` after the last, as on a public chain. Killed half way, it
 * makes at most an empty block when it is repeated.
 */
export async function inOneBlock<T>(
  chain: Chain,
  seconds: number,
  { send, confirm }: { send: () => Promise<void>; confirm: () => Promise<T> },
): Promise<T> {
  await request(chain, 'evm_setAutomine', false);
  try {
    await send();
    await makeBlocks(chain, 1, seconds);
    return await confirm();
  } finally {
    await request(chain, 'evm_setAutomine', true);
  }
}

export async function makeBlocks(chain: Chain, count: number, seconds: number): Promise<void> {
  const { timestamp } = await chain.ask((client) => client.getBlock());
  await request(chain, 'evm_setNextBlockTimestamp', `0x${(timestamp + BigInt(seconds)).toString(16)}`);
  await request(chain, 'anvil_mine', `0x${count.toString(16)}`, `0x${seconds.toString(16)}`);
}

function request(chain: Chain, method: string, ...params: unknown[]): Promise<unknown> {
  return chain.ask((client) => (client.request as unknown as Request)({ method, params }));
}
