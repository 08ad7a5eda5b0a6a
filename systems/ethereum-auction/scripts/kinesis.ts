/** The local stack's Kinesis, in memory, with the stream `auction-events`: `kinesis PORT`. */
import { once } from 'node:events';
import { CreateStreamCommand } from '@aws-sdk/client-kinesis';
import kinesalite from 'kinesalite';
import { createKinesis } from '../src/streams/kinesisClient';

const STREAM = 'auction-events';
const SHARDS = 2;
const port = Number(process.argv[2]);

async function main(): Promise<void> {
  const server = kinesalite({ createStreamMs: 0, shardLimit: 100 }).listen(port, '127.0.0.1');
  await once(server, 'listening');
  const kinesis = createKinesis(`http://127.0.0.1:${port}`);
  await kinesis.send(new CreateStreamCommand({ StreamName: STREAM, ShardCount: SHARDS }));
  kinesis.destroy();
  console.log('ready');
}

void main();
