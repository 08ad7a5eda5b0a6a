// Rounds of kills, faults, outages and changed input in their long form, in any order and with other seeds each time:
//   npm run soak -- [minutes] [vitest arguments]
// An hour unless told otherwise. It begins nothing after that, and ends at the first failure, whose line before has the seed.
// The short forms of the same tests, a few minutes of them, are part of the suite.
import { spawnSync } from 'node:child_process';
import { ROOT } from './folders.mjs';

const CAMPAIGNS = [
  ...[
    'test/integration/aws/killed',
    'test/e2e/arrivalsKilled',
    'test/e2e/limitsKilled',
    'test/e2e/mainKilled',
    'test/e2e/mainJob',
    'test/integration/testing/retry.test',
    'test/unit/workflows/pools',
    'test/e2e/connectKilled',
    'test/e2e/workerKilled',
    'test/integration/cli/brokenPipeline',
  ],
  ...[
    'test/integration/workflows/arrivals.test',
    'test/integration/workflows/arrivalsOutages',
    'test/integration/workflows/manyObjects',
    'test/unit/workflows/arrivals/sourceMachine.property',
  ],
  ...['test/unit/lake/largeObjects', 'test/unit/webhook/hostileRequests'],
  ...[
    'test/integration/jobs/engines',
    'test/unit/webhook/fuzz',
    'test/unit/duckdb/csv',
    'test/integration/local/athenaStatements',
    'systems/reviews-export/test/endToEnd',
    'systems/contact-trace-records/test/endToEnd',
  ],
  ...[
    'systems/ethereum-auction/test/integration/killed',
    'systems/ethereum-auction/test/integration/listener',
  ],
  ...[
    'systems/emr-resize/test/hdfs',
    'systems/emr-resize/test/s3DistCp',
    'systems/emr-resize/test/workerKilled',
  ],
  ...['systems/trio-denovo/test/killed', 'systems/emr-tls/test/killed'],
  ...['systems/emr-resize/test/adviseScaling', 'systems/emr-resize/test/adviseResize'],
];
const [minutes = '60', ...rest] = process.argv.slice(2);
if (!(Number(minutes) > 0)) {
  console.error(`Minutes: "${minutes}"; give a number above 0, as in: npm run soak -- 60`);
  process.exit(2);
}
const endMs = Date.now() + Number(minutes) * 60_000;
for (let round = 1; Date.now() < endMs; round++) {
  // Own arguments are one campaign of their own.
  const campaigns = rest.length > 0 ? [rest] : shuffled(CAMPAIGNS).map((file) => [file]);
  for (const args of campaigns) {
    if (Date.now() >= endMs) break;
    const seed = String(Math.floor(Math.random() * 1_000_000));
    const leftMinutes = Math.ceil((endMs - Date.now()) / 60_000);
    console.log(`sluice: round ${round}, ${leftMinutes} min left, SLUICE_SEED=${seed} ${args.join(' ')}`);
    const env = { ...process.env, SLUICE_LONG: '1', SLUICE_SEED: seed };
    const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--maxWorkers', '1', ...args];
    const { status } = spawnSync(process.execPath, vitest, { stdio: 'inherit', cwd: ROOT, env });
    if (status !== 0) process.exit(status ?? 1);
  }
}

function shuffled(items) {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}
