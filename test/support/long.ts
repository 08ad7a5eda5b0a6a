import type { SuiteAPI, TestAPI } from 'vitest';

/**
 * Rounds of kills, faults and changed input are as few in the suite as tell that all works, always the same where nothing
 * else is random, and as many as they can be in `npm run soak`, with another seed each time. Both can be set.
 */
export const isLong = process.env['SLUICE_LONG'] === '1';

/** What takes too long for the suite, and runs in its long form alone. */
export const describeLong: SuiteAPI | SuiteAPI['skip'] = isLong ? describe : describe.skip;
export const testLong: TestAPI | TestAPI['skip'] = isLong ? test : test.skip;

/** Repeats the draws of a test, whose title has it. */
export const SEED = Number(process.env['SLUICE_SEED'] ?? Date.now() % 1_000_000);

/** The seed of a round that is the same every time, but for the long form. */
export const seedOf = (round: number) => (process.env['SLUICE_SEED'] === undefined ? round : SEED + round);

export const countOf = ({ suite, soak }: { suite: number; soak: number }) =>
  Number(process.env['SLUICE_ROUNDS'] ?? (isLong ? soak : suite));
