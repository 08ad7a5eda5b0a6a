/** The contract of runners, over the real SDK client and a strict double of DynamoDB. */
import { testRunnerContract } from 'sluice/testing';
import { ensureAwsTestTools } from '../../../src/local';
import { contractOf } from '../../../test/contract/contractCase';
import { quietRuntime } from '../../../test/support/environment';
import { dynamodbExport } from './support/contractCase';

let serviceModels: string;

beforeAll(async () => {
  quietRuntime();
  ({ serviceModels } = await ensureAwsTestTools({ env: process.env, report: () => {} }));
}, 300_000);

testRunnerContract(
  contractOf(dynamodbExport, () => serviceModels),
  (title, body) => test(title, body),
);
