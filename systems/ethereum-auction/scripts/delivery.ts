/** The local stack's delivery: what Firehose does on AWS, from the local Kinesis to the lake. */
import { S3Client } from '@aws-sdk/client-s3';
import { connectS3, joinLocation, readConfig } from 'sluice';
import { deliverStream } from '../src/streams/delivery';
import { createKinesis } from '../src/streams/kinesisClient';

const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
process.once('SIGINT', () => stop.abort());

const kinesis = createKinesis();
const s3: S3Client = connectS3();
await deliverStream({
  kinesis,
  s3,
  stream: 'auction-events',
  folder: joinLocation(readConfig().lake, 'ethereum-auction'),
  bufferBytes: 5 * 1024 * 1024,
  bufferMs: 1000,
  signal: stop.signal,
  onObject: (uri, records) => console.log(`${records} records: ${uri}`),
});
kinesis.destroy();
s3.destroy();
