import { S3Client } from '@aws-sdk/client-s3';
import { lookUpCredentials } from './credentials';
import { SILENT } from './quiet';

const CONNECTION_TIMEOUT_MS = 10_000;
/** A connection that moves no byte for so long is given up, in an upload or download of any length, too. */
const IDLE_TIMEOUT_MS = 60_000;

/** The S3 client by the AWS SDK's own rules. A custom endpoint is a gateway, which has no host name per bucket. */
export function connectS3({ idleTimeoutMs = IDLE_TIMEOUT_MS } = {}): S3Client {
  const requestHandler = { connectionTimeout: CONNECTION_TIMEOUT_MS, socketTimeout: idleTimeoutMs };
  const custom = process.env['AWS_ENDPOINT_URL_S3'] ?? process.env['AWS_ENDPOINT_URL'];
  return new S3Client({
    ...{ forcePathStyle: custom !== undefined, maxAttempts: 5, requestHandler },
    credentials: lookUpCredentials,
    logger: SILENT,
  });
}
