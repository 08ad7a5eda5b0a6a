// Builds the benchmarks and runs one: npm run bench -- NAME [arguments]
// Those of packages and systems run from their sources, on what `npm run build` has made.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from './folders.mjs';

const NO_BENCHMARKS = ['measure', 'stack', 'workflows'];
const folders = [
  'bench',
  ...['packages', 'systems'].flatMap((room) =>
    readdirSync(path.join(ROOT, room)).map((name) => path.join(room, name, 'bench')),
  ),
].filter((folder) => existsSync(path.join(ROOT, folder)));
const benchmarks = new Map(
  folders
    .flatMap((folder) => readdirSync(path.join(ROOT, folder)).map((file) => [file, folder]))
    .filter(([file]) => file.endsWith('.ts') && !NO_BENCHMARKS.includes(path.parse(file).name))
    .map(([file, folder]) => [path.parse(file).name, folder]),
);
// The AWS SDK's advice on Node versions is none of a benchmark's output.
const env = { ...process.env, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' };
const [name, ...rest] = process.argv.slice(2);
const folder = benchmarks.get(name);
if (folder === undefined) {
  console.error(`Usage: npm run bench -- ${[...benchmarks.keys()].sort().join('|')} [arguments]`);
  process.exit(2);
}
const commands =
  folder === 'bench'
    ? [
        ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.bench.json'],
        ['--expose-gc', `dist/bench/${name}.js`, ...rest],
      ]
    : [['--expose-gc', '--import', 'tsx', path.join(folder, `${name}.ts`), ...rest]];
for (const args of commands) {
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit', cwd: ROOT, env });
  if (status !== 0) process.exit(status ?? 1);
}
