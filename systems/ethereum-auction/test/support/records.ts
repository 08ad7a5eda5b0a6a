import { identityOf, type AuctionRecord } from '../../src/records';

/** The records that count, by the rule of `current.sql`, in a second way of saying it. */
export function countedRecords(records: readonly AuctionRecord[]): AuctionRecord[] {
  const removed = new Map<string, number>();
  for (const { Kind, BlockHash, Epoch } of records)
    if (Kind === 'removed') removed.set(BlockHash, Math.max(Epoch, removed.get(BlockHash) ?? 0));
  const kept = records.filter(
    ({ Kind, BlockHash, Epoch }) => Kind !== 'removed' && Epoch >= (removed.get(BlockHash) ?? 0),
  );
  return [...new Map(kept.map((record) => [record.Id, record])).values()];
}

export function countedSum(records: readonly AuctionRecord[]): bigint {
  return countedRecords(records).reduce(
    (sum, { Kind, Amount }) => (Kind === 'bid' ? sum + BigInt(Amount) : sum - BigInt(Amount)),
    0n,
  );
}

export function countRepeats(records: readonly AuctionRecord[]): number {
  return records.length - new Set(records.map(identityOf)).size;
}
