import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfig } from '../../../src/setup/config';
import { costOf, sumMeasures } from '../../../src/setup/prices';

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'sluice-prices-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function read(text: string) {
  const file = join(folder, 'prices.json');
  writeFileSync(file, text);
  return readConfig({ SLUICE_PRICES: file }).prices;
}

test('a run costs its measures by their prices; what has no price is free', () => {
  const table = read('{"currency":"USD","prices":{"DPUSeconds":0.000122,"DataScannedInBytes":5e-12}}');
  expect(costOf({ DPUSeconds: 3600, DataScannedInBytes: 2e11, rowsRead: 5 }, table)).toEqual({
    amount: 1.4392,
    currency: 'USD',
  });
  expect(costOf({ DPUSeconds: 0 }, table)).toEqual({ amount: 0, currency: 'USD' });
});

test('without prices, or without a measure that has one, nothing is said of a cost', () => {
  expect(costOf({ DPUSeconds: 1 }, null)).toBeNull();
  expect(costOf({ rowsRead: 1 }, read('{"currency":"USD","prices":{"DPUSeconds":1}}'))).toBeNull();
});

test.each([
  ['{', /prices\.json: .*JSON.*; give a file such as/],
  ['{"prices":{}}', /"currency" is missing/],
  ['{"currency":"USD"}', /"prices" is missing/],
  ['{"currency":"USD","prices":{"a":"1"}}', /the price of "a" is no number/],
  ['{"currency":"USD","prices":{"a":-1}}', /the price of "a" is no number/],
])('a price table of %s is refused', (text, message) => {
  expect(() => read(text)).toThrow(message);
});

test('measures are summed by name', () => {
  expect(sumMeasures([{ a: 1, b: 2 }, {}, { a: 3 }])).toEqual({ a: 4, b: 2 });
});
