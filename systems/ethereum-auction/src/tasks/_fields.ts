import { getAddress, type Address } from 'viem';
import { field } from 'sluice';
import { isAddress } from '../chain/address';
import { connectChain, type Chain, type ChainIdentity } from '../chain/client';
import type { SignedDeployment, SignedTransaction } from '../chain/transactions';
import { readSettings } from '../settings';

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isHex = (value: unknown): value is string =>
  typeof value === 'string' && /^0x[0-9a-fA-F]+$/.test(value);

const isIdentity = (value: unknown): value is ChainIdentity =>
  isObject(value) && Number.isSafeInteger(value['chainId']) && typeof value['genesis'] === 'string';
const isSigned = (value: unknown): value is SignedTransaction =>
  isObject(value) && isHex(value['hash']) && isHex(value['bytes']) && isAddress(value['from']);
const areSigned = (value: unknown): value is SignedTransaction[] =>
  Array.isArray(value) && value.every(isSigned);
const isDeployment = (value: unknown): value is SignedDeployment =>
  isSigned(value) && isAddress((value as Partial<SignedDeployment>).address);

/** Fields that several tasks have. */
export const rpcUrl = field.text({
  about: 'the JSON-RPC URL of the chain; AUCTION_RPC_URL of the worker unless given',
  optional: true,
});
export const chain = field.value(isIdentity, { needs: 'the chain as check-chain answered it' });
export const contract = field.value(isAddress, { needs: "the contract's address, 0x and 40 hex digits" });
export const transactions = field.value(areSigned, { needs: 'signed transactions' });
export const deployment = field.value(isDeployment, { needs: 'a signed deployment' });

/** The contract's address with its checksum, as records have it. */
export const contractOf = (input: { contract: Address }): Address => getAddress(input.contract);

export function connect(input: { rpcUrl?: string | undefined; chain?: ChainIdentity }): Promise<Chain> {
  return connectChain({ rpcUrl: input.rpcUrl ?? readSettings().rpcUrl, expected: input.chain });
}
