// Builds the benchmarks and runs one: npm run bench -- NAME [arguments]
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from './folders.mjs';

const names = readdirSync(path.join(ROOT, 'bench'))
  .filter((file) => file.endsWith('.ts') && !['measure.ts', 'stack.ts', 'workflows.ts'].includes(file))
  .map((file) => file.replace('.ts', ''));
// The AWS SDK's advice on Node versions is none of a benchmark's output.
const env = { ...process.env, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' };
const [name, ...rest] = process.argv.slice(2);
if (!names.includes(name)) {
  console.error(`Usage: npm run bench -- ${names.join('|')} [arguments]`);
  process.exit(2);
}
for (const args of [
  ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.bench.json'],
  ['--expose-gc', `dist/bench/${name}.js`, ...rest],
]) {
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit', cwd: ROOT, env });
  if (status !== 0) process.exit(status ?? 1);
}
