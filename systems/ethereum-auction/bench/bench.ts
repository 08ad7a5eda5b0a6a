/**
 * `npm run bench -- [events|analyses] [NUMBER] [--port-offset N]`: 100,000 events listened to and in S3, at 5,000 a second at least, and the
 * analyses of 1,000,000 records. Both without a name.
 */
import { parseArgs } from 'node:util';
import { benchAnalyses } from './analyses';
import { benchEvents } from './events';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'port-offset': { type: 'string', default: '300' } },
});
const [name, number] = positionals;

async function main(): Promise<void> {
  if (name !== 'analyses') await benchEvents(Number(number ?? 100_000), values['port-offset']);
  if (name !== 'events') await benchAnalyses(Number(number ?? 1_000_000));
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
