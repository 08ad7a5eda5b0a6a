/**
 * The local stack's stream: `stream PORT`. A Kinesis in memory with the stream `auction-events`, and the delivery from it to
 * the lake, as Firehose does it on AWS.
 */
import { once } from 'node:events';
import { CreateStreamCommand } from '@aws-sdk/client-kinesis';
import kinesalite from 'kinesalite';
import type { S3Client } from '@aws-sdk/client-s3';
import { connectS3, joinLocation, readConfig } from 'sluice';
import { deliverStream } from '../src/streams/delivery';
import { createKinesis } from '../src/streams/kinesisClient';

const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
process.once('SIGINT', () => stop.abort());

const STREAM = 'auction-events';
const SHARDS = 2;
const port = Number(process.argv[2]);
const kinesis = createKinesis(`http://127.0.0.1:${port}`);
const s3: S3Client = connectS3();
/** The lake and the stream come up beside it, and may be away for a while. */
const RETRY_MS = 300;

async function main(): Promise<void> {
  const server = kinesalite({ createStreamMs: 0, shardLimit: 100 }).listen(port, '127.0.0.1');
  await once(server, 'listening');
  await kinesis.send(new CreateStreamCommand({ StreamName: STREAM, ShardCount: SHARDS }));
  console.log('ready');
  while (!stop.signal.aborted) {
    await deliverStream({
      kinesis,
      s3,
      stream: STREAM,
      folder: joinLocation(readConfig().lake, 'ethereum-auction'),
      bufferBytes: 5 * 1024 * 1024,
      bufferMs: 1000,
      signal: stop.signal,
      onObject: (uri, records) => console.log(`${records} records: ${uri}`),
    }).catch(async (error: Error) => {
      console.error(error.message);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    });
  }
  kinesis.destroy();
  s3.destroy();
  server.close();
}

void main();
