/**
 * `npm run bench -- [events|analyses] [NUMBER]`: 100,000 events listened to and in S3, at 5,000 a second at least, and the
 * analyses of 1,000,000 records. Both without a name.
 */
import { benchAnalyses } from './analyses';
import { benchEvents } from './events';

const [name, number] = process.argv.slice(2);

async function main(): Promise<void> {
  if (name !== 'analyses') await benchEvents(Number(number ?? 100_000));
  if (name !== 'events') await benchAnalyses(Number(number ?? 1_000_000));
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
