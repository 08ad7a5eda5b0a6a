/** The delivery from the local stream `auction-events` to the lake, as Firehose does it on AWS. */
import { connectS3, joinLocation, readConfig } from 'sluice';
import { deliverStream } from '../src/streams/delivery';
import { createKinesis } from '../src/streams/kinesisClient';

const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
process.once('SIGINT', () => stop.abort());

const STREAM = 'auction-events';
const kinesis = createKinesis();
const s3 = connectS3();
/** The lake and the stream come up beside it, and may be away for a while. */
const RETRY_MS = 300;

async function main(): Promise<void> {
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
}

void main();
