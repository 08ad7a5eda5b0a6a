import { S3Client } from '@aws-sdk/client-s3';
import { SluiceError } from '../errors';
import { lookUpCredentials } from './credentials';
import { SILENT } from './quiet';
import { redactSecrets } from './redactSecrets';

/** As the SDK reads them: an empty one is none. */
const ENDPOINTS = ['AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL'];
const CONNECTION_TIMEOUT_MS = 10_000;
/** A connection that moves no byte for so long is given up, in an upload or download of any length, too. */
const IDLE_TIMEOUT_MS = 60_000;

/**
 * The S3 client by the AWS SDK's own rules. A custom endpoint is a gateway, which has no host name per bucket.
 * @throws SluiceError InvalidInput for an endpoint that is no URL
 */
export function connectS3({ idleTimeoutMs = IDLE_TIMEOUT_MS } = {}): S3Client {
  const requestHandler = { connectionTimeout: CONNECTION_TIMEOUT_MS, socketTimeout: idleTimeoutMs };
  const custom = ENDPOINTS.find((name) => process.env[name]);
  if (custom !== undefined) checkEndpoint(custom, process.env[custom]!);
  return new S3Client({
    ...{ forcePathStyle: custom !== undefined, maxAttempts: 5, requestHandler },
    credentials: lookUpCredentials,
    logger: SILENT,
  });
}

function checkEndpoint(name: string, value: string): void {
  if (URL.canParse(value) && /^https?:/i.test(value)) return;
  throw new SluiceError(
    'InvalidInput',
    `${name}: "${redactSecrets(value)}" is no http or https URL; give one such as http://host:9000`,
  );
}
