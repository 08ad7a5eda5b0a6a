/** A line of `events/`. What the chain has in wei is a decimal text: a JSON number is exact to 2^53 only. */
export interface AuctionRecord {
  /** `txHash:logIndex`; of a correction, the hash of the block that is gone. */
  Id: string;
  /** `removed` corrects: the chain has replaced the block, and what older epochs say of it does not count. */
  Kind: 'bid' | 'withdrawal' | 'removed';
  /** Which chain, as `31337-0a1b2c3d`. */
  Chain: string;
  Contract: string;
  Block: number;
  BlockHash: string;
  /** The block's, UTC with milliseconds. */
  Timestamp: string;
  /** Who bid or withdrew; of a correction, the contract. */
  Bidder: string;
  Amount: string;
  /** How many reorganisations the listener had seen. */
  Epoch: number;
}

/** What two copies of one record have in common, and no two other records: what a sink drops repeats by. */
export function identityOf({ Id, BlockHash, Epoch, Kind }: AuctionRecord): string {
  return `${Id} ${BlockHash} ${Epoch} ${Kind}`;
}

/** Newline-delimited JSON, with a line break after the last: Firehose puts records together as they are. */
export function toLines(records: readonly AuctionRecord[]): string {
  return records.map((record) => `${JSON.stringify(record)}\n`).join('');
}
