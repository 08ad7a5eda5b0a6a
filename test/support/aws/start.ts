import { ensureAwsTestTools } from '../../../src/local';
import type { ClientSettings } from '../../contract/contractCase';
import { AwsDouble, type ServiceDouble } from './double';

/** A double that listens, and the settings of clients that speak to it. */
export async function startAwsDouble(
  ...doubles: ServiceDouble[]
): Promise<{ aws: AwsDouble; settings: ClientSettings }> {
  const { serviceModels } = await ensureAwsTestTools({ env: process.env, report: () => {} });
  const aws = new AwsDouble(serviceModels, doubles);
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  return { aws, settings: { endpoint: await aws.start(), region: 'eu-west-1', credentials, maxAttempts: 1 } };
}
