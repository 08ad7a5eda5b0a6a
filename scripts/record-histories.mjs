// Records the histories that the replay tests play: npm run histories [-- -t NAME]
import { spawnSync } from 'node:child_process';
import { ROOT } from './folders.mjs';

const vitest = ['node_modules/vitest/vitest.mjs', 'run', 'test/histories/record.ts'];
const { status } = spawnSync(process.execPath, [...vitest, ...process.argv.slice(2)], {
  stdio: 'inherit',
  cwd: ROOT,
  env: { ...process.env, SLUICE_RECORD_HISTORIES: 'true' },
});
process.exit(status ?? 1);
