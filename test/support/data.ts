import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** The real input files; they stay out of the repository. `SLUICE_TEST_DATA`, else `../shared/data` beside the checkout. */
export const realData =
  process.env['SLUICE_TEST_DATA'] ?? join(__dirname, '..', '..', '..', 'shared', 'data');

export const hasRealData = existsSync(join(realData, 'marketing-and-sales', 'sales.csv'));

/** `describe`, skipped with a word on why where the real files are not there. */
export const describeWithRealData = hasRealData
  ? describe
  : (name: string, body: () => void) =>
      describe.skip(`${name} (no real data: ${realData} is missing; set SLUICE_TEST_DATA)`, body);
