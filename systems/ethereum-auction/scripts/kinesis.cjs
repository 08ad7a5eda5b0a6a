/** A local Kinesis with one stream: `node kinesis.cjs PORT STREAM`. It keeps records in memory. */
const kinesalite = require('kinesalite');

const [port, stream] = process.argv.slice(2);
const server = kinesalite({ createStreamMs: 0, shardLimit: 100 });

async function createStream() {
  const answer = await fetch(`http://127.0.0.1:${port}/`, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': 'Kinesis_20131202.CreateStream',
      'x-amz-date': '20260101T000000Z',
      authorization:
        'AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=0',
    },
    body: JSON.stringify({ StreamName: stream, ShardCount: 2 }),
  });
  if (!answer.ok) throw new Error(`CreateStream: ${answer.status} ${await answer.text()}`);
}

server.listen(Number(port), '127.0.0.1', () => void createStream().then(() => console.log('ready')));
