import { join, relative } from 'node:path';

/** Every test file that starts a local stack: they run side by side. */
export const FILES_WITH_STACK = [
  'test/e2e/connectKilled.test.ts',
  'test/e2e/mainJob.test.ts',
  'test/e2e/newcomer.test.ts',
  'test/e2e/retry.test.ts',
  'test/e2e/stackCommands.test.ts',
  'test/e2e/webUi.test.ts',
  'test/e2e/workerKilled.test.ts',
  'test/integration/cli/commands.test.ts',
  'systems/agent-events/test/endToEnd.test.ts',
  'systems/contact-trace-records/test/endToEnd.test.ts',
  'systems/emr-resize/test/workerKilled.test.ts',
  'systems/emr-tls/test/endToEnd.test.ts',
  'systems/emr-tls/test/killed.test.ts',
  'systems/ethereum-auction/test/integration/workerKilled.test.ts',
  'systems/reviews-export/test/endToEnd.test.ts',
  'systems/trio-denovo/test/endToEnd.test.ts',
  'systems/trio-denovo/test/killed.test.ts',
];

/** How far the running test file, or another, moves the ports of its stack, so that no two files meet (a test of its own holds that). */
export function portOffset(file = expect.getState().testPath!): number {
  const name = relative(join(__dirname, '..', '..'), file);
  const place = FILES_WITH_STACK.indexOf(name);
  if (place < 0)
    throw new Error(`${name} starts a local stack: add it to ${relative(process.cwd(), __filename)}.`);
  return 10_000 + 20 * place;
}
