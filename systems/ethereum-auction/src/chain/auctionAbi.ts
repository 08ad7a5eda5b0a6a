import { parseAbi } from 'viem';

/** What the tasks call and read of an auction; `contracts/Auction.sol` has it all, and another source must have as much. */
export const AUCTION_ABI = parseAbi([
  'event Bid(address indexed bidder, uint256 amount)',
  'event Withdrawal(address indexed bidder, uint256 amount)',
  'error AuctionOver()',
  'error AuctionNotOver()',
  'error NotForTheOwner()',
  'error NothingToWithdraw()',
  'error WithdrawalRefused()',
  'constructor(uint256 blocks)',
  'function bid() payable',
  'function withdraw()',
  'function owner() view returns (address)',
  'function leader() view returns (address)',
  'function lastBlock() view returns (uint256)',
  'function bids(address) view returns (uint256)',
]);
