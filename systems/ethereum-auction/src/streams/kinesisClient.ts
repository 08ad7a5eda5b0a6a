import { KinesisClient } from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { readSettings } from '../settings';

/** Kinesis by the SDK's own rules, or the local one of the settings, which takes any credentials. */
export function createKinesis(endpoint = readSettings().kinesisEndpoint): KinesisClient {
  if (endpoint === null) return new KinesisClient({ maxAttempts: 8 });
  return new KinesisClient({
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    // The SDK speaks HTTP/2 to Kinesis, which the local ones do not.
    requestHandler: new NodeHttpHandler(),
    maxAttempts: 8,
  });
}
