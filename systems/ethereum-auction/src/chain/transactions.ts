import {
  BaseError,
  decodeErrorResult,
  encodeDeployData,
  encodeFunctionData,
  getContractAddress,
  keccak256,
  type Address,
  type Hex,
} from 'viem';
import { SluiceError } from 'sluice';
import type { Account } from './account';
import { AUCTION_ABI } from './auctionAbi';
import type { Chain } from './client';
import type { CompiledContract } from './compile';

/**
 * A transaction as it goes to the chain. The bytes are kept before they are sent: sent again they are the same
 * transaction, with the same hash, so nothing happens twice.
 */
export interface SignedTransaction {
  hash: Hex;
  bytes: Hex;
  from: Address;
  nonce: number;
}

export interface SignedDeployment extends SignedTransaction {
  /** Where the contract will be: it follows from sender and nonce. */
  address: Address;
}

/**
 * Fixed, and not estimated: an estimate is of the state before the transactions that are sent along, and a bid that becomes
 * the highest needs more than one that does not.
 */
const GAS = { deploy: 2_000_000n, bid: 200_000n, withdraw: 150_000n };

export interface Call {
  account: Account;
  to: Address | null;
  data: Hex;
  value: bigint;
  gas: bigint;
}

/** Signs calls with one sequence of nonces for each account, from what the chain has of it. */
export async function signCalls(chain: Chain, calls: readonly Call[]): Promise<SignedTransaction[]> {
  const senders = [...new Set(calls.map(({ account }) => account.address))];
  const [fees, ...counts] = await chain.ask((client) =>
    Promise.all([
      client.estimateFeesPerGas(),
      ...senders.map((address) => client.getTransactionCount({ address, blockTag: 'pending' })),
    ]),
  );
  const nonces = new Map(senders.map((address, i) => [address, counts[i]!]));
  const signed: SignedTransaction[] = [];
  for (const { account, to, data, value, gas } of calls) {
    const nonce = nonces.get(account.address)!;
    nonces.set(account.address, nonce + 1);
    const bytes = await account.signTransaction({
      type: 'eip1559',
      chainId: chain.chainId,
      nonce,
      gas,
      // Blocks may grow dearer while the transactions wait.
      maxFeePerGas: fees.maxFeePerGas * 2n,
      maxPriorityFeePerGas: fees.maxPriorityFeePerGas,
      ...(to === null ? {} : { to }),
      data,
      value,
    });
    signed.push({ hash: keccak256(bytes), bytes, from: account.address, nonce });
  }
  return signed;
}

export async function signDeployment(
  chain: Chain,
  owner: Account,
  { contract, blocks }: { contract: CompiledContract; blocks: number },
): Promise<SignedDeployment> {
  const data = encodeDeployData({ abi: contract.abi, bytecode: contract.bytecode, args: [BigInt(blocks)] });
  const [signed] = await signCalls(chain, [{ account: owner, to: null, data, value: 0n, gas: GAS.deploy }]);
  const address = getContractAddress({ from: owner.address, nonce: BigInt(signed!.nonce) });
  return { ...signed!, address };
}

export function signBids(
  chain: Chain,
  contract: Address,
  bids: readonly { bidder: Account; amount: bigint }[],
): Promise<SignedTransaction[]> {
  const data = encodeFunctionData({ abi: AUCTION_ABI, functionName: 'bid' });
  const calls = bids.map(({ bidder, amount }) => ({
    account: bidder,
    to: contract,
    data,
    value: amount,
    gas: GAS.bid,
  }));
  return signCalls(chain, calls);
}

export function signWithdrawals(
  chain: Chain,
  contract: Address,
  accounts: readonly Account[],
): Promise<SignedTransaction[]> {
  const data = encodeFunctionData({ abi: AUCTION_ABI, functionName: 'withdraw' });
  const calls = accounts.map((account) => ({ account, to: contract, data, value: 0n, gas: GAS.withdraw }));
  return signCalls(chain, calls);
}

export interface Mined {
  hash: Hex;
  block: number;
  blockHash: Hex;
}

/**
 * Sends transactions in their order: a node may refuse a nonce whose forerunner it has not seen. What was sent before is
 * left as it is.
 * @throws SluiceError BadData for a transaction that can never be mined
 */
export async function sendTransactions(
  chain: Chain,
  transactions: readonly SignedTransaction[],
  signal: AbortSignal,
): Promise<void> {
  for (const transaction of transactions) {
    signal.throwIfAborted();
    await send(chain, transaction);
  }
}

/**
 * Waits until each transaction is in a block. A receipt is no success: its status is.
 * @throws SluiceError BadData for a transaction that was reverted; Transient while one is in no block
 */
export async function awaitTransactions(
  chain: Chain,
  transactions: readonly SignedTransaction[],
  { signal, waitMs = 60_000 }: { signal: AbortSignal; waitMs?: number },
): Promise<Mined[]> {
  const deadline = Date.now() + waitMs;
  const mined: Mined[] = [];
  for (const transaction of transactions)
    mined.push(await awaitReceipt(chain, transaction, { signal, deadline }));
  return mined;
}

async function send(chain: Chain, transaction: SignedTransaction): Promise<void> {
  try {
    await chain.ask((client) => client.sendRawTransaction({ serializedTransaction: transaction.bytes }));
  } catch (error) {
    // Sent before: the node has it, or it is mined.
    if (/already (known|imported)|known transaction|AlreadyKnown/i.test((error as Error).message)) return;
    if ((await findReceipt(chain, transaction.hash)) !== null) return;
    const { from, nonce, hash } = transaction;
    if (/nonce (is )?too low|nonce.*lower/i.test((error as Error).message)) {
      if (await isWaiting(chain, hash)) return;
      throw new SluiceError(
        'BadData',
        `Transaction ${hash}: another one of ${from} took its nonce ${nonce}; let nobody else send with this account, and start a new run`,
      );
    }
    if (/insufficient funds|enough funds/i.test((error as Error).message))
      throw new SluiceError(
        'BadData',
        `${from} has not enough for transaction ${hash}; give it funds, and start a new run`,
      );
    throw error;
  }
}

function isWaiting(chain: Chain, hash: Hex): Promise<boolean> {
  return chain.ask((client) =>
    client.getTransaction({ hash }).then(
      () => true,
      (error: Error) => {
        if (error.name === 'TransactionNotFoundError') return false;
        throw error;
      },
    ),
  );
}

function findReceipt(chain: Chain, hash: Hex) {
  return chain.ask((client) =>
    client.getTransactionReceipt({ hash }).catch((error: Error) => {
      if (error.name === 'TransactionReceiptNotFoundError') return null;
      throw error;
    }),
  );
}

async function awaitReceipt(
  chain: Chain,
  { hash, from }: SignedTransaction,
  { signal, deadline }: { signal: AbortSignal; deadline: number },
): Promise<Mined> {
  for (let waitMs = 25; ; waitMs = Math.min(waitMs * 2, 2000)) {
    signal.throwIfAborted();
    const receipt = await findReceipt(chain, hash);
    if (receipt?.status === 'reverted') {
      throw new SluiceError(
        'BadData',
        `Transaction ${hash} of ${from} is in block ${receipt.blockNumber} and was reverted: ${await readReason(chain, hash)}`,
      );
    }
    if (receipt) return { hash, block: Number(receipt.blockNumber), blockHash: receipt.blockHash };
    if (Date.now() > deadline) throw new SluiceError('Transient', `Transaction ${hash} is in no block yet`);
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}

/** Why a transaction was reverted, by calling it once more on the state of its block; a node need not tell. */
async function readReason(chain: Chain, hash: Hex): Promise<string> {
  try {
    const { from, to, input, value, blockNumber } = await chain.client.getTransaction({ hash });
    await chain.client.call({
      account: from,
      to,
      data: input,
      value,
      ...(blockNumber === null ? {} : { blockNumber }),
    });
    return 'it ran out of gas, or the chain has changed since';
  } catch (error) {
    const { details } = error as { details?: string };
    return nameOfRevert(error) ?? (details ? chain.hideSecrets(details) : 'the node does not tell why');
  }
}

/** The name of the contract's own error, such as `AuctionOver`. */
function nameOfRevert(error: unknown): string | null {
  if (!(error instanceof BaseError)) return null;
  const cause = error.walk((inner) => typeof (inner as { data?: unknown }).data === 'string') as {
    data: Hex;
  } | null;
  try {
    return cause && decodeErrorResult({ abi: AUCTION_ABI, data: cause.data }).errorName;
  } catch {
    return null;
  }
}
