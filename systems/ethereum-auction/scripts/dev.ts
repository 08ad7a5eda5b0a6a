/** The local stack of this project: `npm run dev -- [--chain anvil|geth] [options of sluice dev]`. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { chooseChain } from './_chain';

const { chain, rest } = chooseChain(process.argv.slice(2));
const client = require
  .resolve('sluice/package.json')
  .replace('package.json', join('dist', 'src', 'client.js'));
const stack = spawn(process.execPath, [client, 'dev', '--no-spark', ...rest], {
  cwd: join(__dirname, '..'),
  stdio: 'inherit',
  env: { ...process.env, AUCTION_CHAIN: chain },
});
// It has the same signals, from the terminal, and ends what it started.
for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => stack.kill(name));
stack.once('exit', (code) => (process.exitCode = code ?? 1));
