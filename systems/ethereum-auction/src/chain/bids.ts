/** A small generator of numbers that is the same everywhere: mulberry32. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export interface PlannedBid {
  bidder: number;
  /** In wei. */
  amount: bigint;
}

const MOST_UNITS = 12;

/** Whether the greatest bid of so many wei a unit is below 2^256, which is all that a transaction can have. */
export function isUnit(unit: string): boolean {
  return /^[1-9]\d{0,76}$/.test(unit) && BigInt(unit) * BigInt(MOST_UNITS) < 2n ** 256n;
}

/** The bids of a batch: who bids, and 1 to 12 times the unit. The same seed and batch give the same bids. */
export function planBids({
  seed,
  batch,
  size,
  bidders,
  unit,
}: {
  seed: number;
  batch: number;
  size: number;
  bidders: number;
  unit: bigint;
}): PlannedBid[] {
  const random = createRandom(seed * 1_000_003 + batch);
  return Array.from({ length: size }, () => ({
    bidder: Math.floor(random() * bidders),
    amount: BigInt(1 + Math.floor(random() * MOST_UNITS)) * unit,
  }));
}
