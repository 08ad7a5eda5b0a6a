/** What every runner that submits its jobs elsewhere must do, over the real SDK client and a strict double. */
import { ensureAwsTestTools } from '../../src/local';
import { testRunnerContract } from '../../src/testing/contract';
import { quietRuntime } from '../support/environment';
import { CASES } from './cases';
import { contractOf } from './contractCase';

let serviceModels: string;

beforeAll(async () => {
  quietRuntime();
  ({ serviceModels } = await ensureAwsTestTools({ env: process.env, report: () => {} }));
}, 300_000);

for (const given of CASES) {
  // The title is the suite's own.
  testRunnerContract(
    contractOf(given, () => serviceModels),
    (title, body) => test(title, body),
  );
}
