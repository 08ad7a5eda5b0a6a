import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Address } from 'viem';
import { connectChain, type Chain } from '../../src/chain/client';
import { compileContract } from '../../src/chain/compile';
import { readAccounts, type Accounts } from '../../src/chain/keys';
import { inOneBlock, makesBlocks } from '../../src/chain/localBlocks';
import {
  awaitTransactions,
  sendTransactions,
  signBids,
  signDeployment,
  type Mined,
  type SignedTransaction,
} from '../../src/chain/transactions';
import { planBids } from '../../src/chain/bids';

export const signal = new AbortController().signal;
const SOURCE = join(__dirname, '..', '..', 'contracts', 'Auction.sol');

let compiled: ReturnType<typeof compileContract> | undefined;

export interface TestAuction {
  chain: Chain;
  accounts: Accounts;
  address: Address;
  block: number;
  send: (transactions: SignedTransaction[]) => Promise<Mined[]>;
  /** One batch, in one block where the chain makes blocks at will. */
  bid: (batch: number, size?: number) => Promise<Mined[]>;
}

export async function deployAuction(rpcUrl: string, blocks = 10_000): Promise<TestAuction> {
  const chain = await connectChain({ rpcUrl });
  const accounts = await readAccounts(null, chain.chainId);
  const contract = await (compiled ??= compileContract(await readFile(SOURCE, 'utf8'), 'Auction.sol'));
  const deployment = await signDeployment(chain, accounts.owner, { contract, blocks });
  await sendTransactions(chain, [deployment], signal);
  const [mined] = await awaitTransactions(chain, [deployment], { signal });
  const { address } = deployment;
  const makes = await makesBlocks(chain);
  const send = async (transactions: SignedTransaction[]) => {
    const deliver = () => sendTransactions(chain, transactions, signal);
    const confirm = () => awaitTransactions(chain, transactions, { signal });
    if (makes) return inOneBlock(chain, 15, { send: deliver, confirm });
    await deliver();
    return confirm();
  };
  const bid = async (batch: number, size = 10) => {
    const planned = planBids({ seed: 1, batch, size, bidders: 10, unit: 1n });
    const bids = planned.map(({ bidder, amount }) => ({ bidder: accounts.bidders[bidder]!, amount }));
    return send(await signBids(chain, address, bids));
  };
  return { chain, accounts, address, block: mined!.block, send, bid };
}
