// Builds dist anew: compiles, bundles the workflows that ship, and makes the command a program.
import { spawnSync } from 'node:child_process';
import { chmodSync, rmSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from './folders.mjs';

const dist = path.join(ROOT, 'dist');
// What was moved or removed since the last build must not be found.
rmSync(dist, { recursive: true, force: true });
for (const args of [
  ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'],
  ['scripts/bundle-workflows.mjs'],
]) {
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit', cwd: ROOT });
  if (status !== 0) process.exit(status ?? 1);
}
// npm does so when it installs; a project may link to a checkout that is built anew.
chmodSync(path.join(dist, 'src', 'client.js'), 0o755);
