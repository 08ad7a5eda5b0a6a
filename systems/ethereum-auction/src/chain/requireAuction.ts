import type { AbiParameter } from 'viem';
import { SluiceError } from 'sluice';
import { AUCTION_ABI } from './auctionAbi';
import type { CompiledContract } from './compile';

interface Item {
  type: string;
  name?: string;
  inputs?: readonly (AbiParameter & { indexed?: boolean })[];
  outputs?: readonly AbiParameter[];
  stateMutability?: string;
}

/** What the tasks use; errors are the contract's own, and nobody asks for the owner. */
const NEEDED = (AUCTION_ABI as readonly Item[]).filter(
  ({ type, name }) => type !== 'error' && name !== 'owner',
);

/**
 * Makes sure that a contract is an auction as the tasks know one, before it is on the chain for good.
 * @throws SluiceError BadData that names what is missing
 */
export function requireAuction({ name, abi }: CompiledContract, file: string): void {
  const missing = NEEDED.filter((needed) => !(abi as readonly Item[]).some((item) => serves(item, needed)));
  if (missing.length === 0) return;
  throw new SluiceError(
    'BadData',
    `${file}: ${name} has no ${missing.map(describe).join(', no ')}; give a contract with all of contracts/Auction.sol`,
  );
}

function serves(item: Item, needed: Item): boolean {
  return (
    describe({ ...item, stateMutability: '' }) === describe({ ...needed, stateMutability: '' }) &&
    (needed.stateMutability !== 'payable' || item.stateMutability === 'payable')
  );
}

function describe({ type, name, inputs = [], outputs = [], stateMutability }: Item): string {
  const typesOf = (parameters: NonNullable<Item['inputs']>, isAnySize: boolean) =>
    parameters
      .map((one) => `${isAnySize ? sizeless(one.type) : one.type}${one.indexed === true ? ' indexed' : ''}`)
      .join(', ');
  const payable = stateMutability === 'payable' ? ' payable' : '';
  const returns = outputs.length === 0 ? '' : ` returns (${typesOf(outputs, true)})`;
  return `${name === undefined ? type : `${type} ${name}`}(${typesOf(inputs, type === 'constructor')})${payable}${returns}`;
}

/** Where nothing but the value counts, and not a selector by it, any size of a number does. */
const sizeless = (type: string) => type.replace(/^uint\d+$/, 'uint');
