import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateSamples, ROWS } from '../../../samples/generate';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-samples-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

async function lines(set: string, name: string): Promise<string[]> {
  const text = await readFile(join(folder, set, name), 'utf8');
  expect(text.endsWith('\n')).toBe(true);
  return text.trimEnd().split('\n');
}

test('the same seed gives the same bytes, another seed others', async () => {
  await Promise.all([
    generateSamples(join(folder, 'a'), { seed: 1 }),
    generateSamples(join(folder, 'b'), { seed: 1 }),
    generateSamples(join(folder, 'c'), { seed: 2 }),
  ]);
  for (const name of [
    'marketing-and-sales/sales.csv',
    'marketing-and-sales/marketing.csv',
    'taxi/tripdata.csv',
  ]) {
    const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((set) => lines(set, name)));
    expect(a).toEqual(b);
    expect(a).not.toEqual(c);
  }
});

test('sizes, columns and oddities are those of the public files', async () => {
  await generateSamples(folder);
  const sales = await lines('marketing-and-sales', 'sales.csv');
  expect(sales).toHaveLength(ROWS.sales + 1);
  expect(new Set(sales.map((line) => line.split(',').length))).toEqual(new Set([12]));
  const stages = new Set(sales.slice(1).map((line) => line.split(',')[7]));
  expect(stages).toEqual(
    new Set(['Lead', 'Closed Lost', 'Prospect', 'Contracting', 'Closed Won', 'Qualified']),
  );

  const marketing = await lines('marketing-and-sales', 'marketing.csv');
  expect(marketing).toHaveLength(ROWS.marketing + 1);
  expect(marketing[0]).toContain(',Mailing list adds ,');
  expect(marketing[1]).toMatch(/^1\/1\/2013,/);
  expect(marketing.at(-1)).toMatch(/^12\/31\/2016,/);

  const trips = (await lines('taxi', 'tripdata.csv')).slice(1).map((line) => line.split(','));
  expect(trips).toHaveLength(ROWS.trips);
  expect(new Set(trips.map((trip) => trip.length))).toEqual(new Set([17]));
  expect(trips.some((trip) => trip[5] === '')).toBe(true);
  expect(trips.some((trip) => trip[4]!.startsWith('.'))).toBe(true);
  expect(trips.some((trip) => Number(trip[10]) < 0)).toBe(true);
});
