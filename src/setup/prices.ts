import { readFileSync } from 'node:fs';

/** What a unit of each measure costs, by its name as jobs tell it, such as `DPUSeconds`. */
export interface Prices {
  /** Such as `USD`. */
  currency: string;
  prices: Record<string, number>;
}

export interface Cost {
  amount: number;
  currency: string;
}

/**
 * Reads the file of SLUICE_PRICES: `{ "currency": "USD", "prices": { "DPUSeconds": 0.000122 } }`.
 * @throws Error that says what is wrong with it
 */
export function readPrices(file: string): Prices {
  const { currency, prices } = JSON.parse(readFileSync(file, 'utf8')) as Partial<Prices>;
  if (typeof currency !== 'string' || currency === '') throw new Error('"currency" is missing');
  if (typeof prices !== 'object' || prices === null) throw new Error('"prices" is missing');
  const wrong = Object.entries(prices).find(([, price]) => !Number.isFinite(price) || price < 0);
  if (wrong !== undefined) throw new Error(`the price of "${wrong[0]}" is no number of zero or more`);
  return { currency, prices };
}

/** What is measured costs; null when no measure has a price. */
export function costOf(measures: Record<string, number>, table: Prices | null): Cost | null {
  if (table === null) return null;
  const { currency, prices } = table;
  const priced = Object.entries(measures).filter(([name]) => Object.hasOwn(prices, name));
  if (priced.length === 0) return null;
  const amount = priced.reduce((sum, [name, value]) => sum + value * prices[name]!, 0);
  // As exact as a millionth, without the noise of binary fractions.
  return { amount: Math.round(amount * 1_000_000) / 1_000_000, currency };
}

/** Each measure, summed by its name. */
export function sumMeasures(all: readonly Record<string, number>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const measures of all)
    for (const [name, value] of Object.entries(measures)) sums[name] = (sums[name] ?? 0) + value;
  return sums;
}
