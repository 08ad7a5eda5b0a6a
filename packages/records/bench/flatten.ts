import { RecordSplitter } from '../src/recordSplitter';

/** What S3 hands over at once, more or less. */
const CHUNK_BYTES = 64 * 1024;

/** Records of the size and shape of contact trace records, one after the other. */
function sample(bytes: number): Buffer {
  const record = (i: number) =>
    JSON.stringify({
      AWSAccountId: '123456789012',
      Agent: {
        ARN: `arn:aws:connect:us-east-1:123456789012:instance/0/agent/${i % 10}`,
        AfterContactWorkDuration: i % 180,
        AfterContactWorkStartTimestamp: '2018-06-04T13:06:48Z',
        RoutingProfile: { ARN: 'arn:aws:connect:us-east-1:123456789012:instance/0/profile/1', Name: 'Basic' },
        Username: `agent${i % 10}`,
      },
      Attributes: { 'Call Reason': 'says: "naïve" }{ setup', 'customer-tier': 'gold' },
      Channel: 'VOICE',
      ContactId: `f48a3a87-029c-4750-b2b5-${String(i).padStart(12, '0')}`,
      InitialContactId: null,
      Queue: {
        ARN: `arn:aws:connect:us-east-1:123456789012:instance/0/queue/${i % 5}`,
        Duration: 13,
        Name: 'Basic',
      },
      References: [{ Type: 'URL', Value: 'https://example.com/1' }],
    });
  const records: string[] = [];
  for (let size = 0, i = 0; size < bytes; i++) size += records[records.push(record(i)) - 1]!.length;
  return Buffer.from(records.join(''));
}

/** Speed and memory of splitting records and rewriting their keys, on one core. */
export function benchFlatten(megabytes = 400): { mbPerSecond: number; peakRssMb: number; records: number } {
  const block = sample(16 * 1024 * 1024);
  const splitter = new RecordSplitter();
  const rounds = Math.ceil((megabytes * 1e6) / block.length);
  const startedAt = performance.now();
  for (let round = 0; round < rounds; round++) {
    for (let at = 0; at < block.length; at += CHUNK_BYTES) {
      splitter.push(block.subarray(at, at + CHUNK_BYTES));
      splitter.takeRecords();
    }
  }
  splitter.end();
  const seconds = (performance.now() - startedAt) / 1000;
  return {
    mbPerSecond: Math.round((rounds * block.length) / 1e6 / seconds),
    // Kilobytes: https://nodejs.org/api/process.html#processresourceusage
    peakRssMb: Math.round(process.resourceUsage().maxRSS / 1024),
    records: splitter.records,
  };
}

if (require.main === module) console.log(JSON.stringify(benchFlatten(Number(process.argv[2] ?? 400))));
