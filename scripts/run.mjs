// Runs Sluice from a checkout: installs and builds what is missing or out of date, then starts it.
//   node scripts/run.mjs demo|sluice|verify [arguments]
// Plain Node without dependencies, since it runs before there are any.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cacheFolder, ROOT } from './folders.mjs';

const NODE_MODULES = path.join(ROOT, 'node_modules');
const INSTALL_STAMP = path.join(NODE_MODULES, '.sluice-lock');
const BUILD_STAMP = path.join(ROOT, 'dist', '.stamp');
const LOCK = path.join(ROOT, '.sluice-run.lock');
const NPM = process.platform === 'win32' ? 'npm.cmd' : 'npm';

/** The children that run now: signals go to them. */
const running = new Set();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  // A terminal sends Ctrl-C to the child as well; the child decides when it has ended.
  process.on(signal, () => {
    if (running.size === 0) process.exit(130);
    if (signal !== 'SIGINT' || !process.stdin.isTTY) for (const child of running) child.kill(signal);
  });
}

/** Runs a program to its end and returns its exit code; a signal that ended it counts as 128 + its number. */
function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'inherit', ...options });
    running.add(child);
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      running.delete(child);
      resolve(code ?? (signal === 'SIGINT' ? 130 : signal === 'SIGTERM' ? 143 : 137));
    });
  });
}

/** Runs what has its output on standard error, since standard output belongs to the command. @returns its exit code */
async function tell(title, command, args, env = process.env) {
  console.error(`sluice: ${title} ...`);
  const began = Date.now();
  const code = await run(command, args, { cwd: ROOT, env, stdio: ['ignore', process.stderr, 'inherit'] });
  if (code === 0) console.error(`sluice: ${title}: done in ${((Date.now() - began) / 1000).toFixed(1)} s`);
  else console.error(`sluice: ${title} failed with exit code ${code}; the lines above say why.`);
  return code;
}

/** Nothing begins after it fails. */
async function stage(...command) {
  const code = await tell(...command);
  if (code !== 0) process.exit(code);
}

function checkNode() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major >= 20 && major <= 26) return;
  console.error(
    `Sluice needs Node 20 to 26; this is ${process.version}. Get one at https://nodejs.org or with nvm.`,
  );
  process.exit(2);
}

function readStamp(file) {
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
}

function hashFiles(names) {
  const hash = createHash('sha256');
  const visit = (name) => {
    const file = path.join(ROOT, name);
    if (!existsSync(file)) return;
    const entries = readdirSync(path.dirname(file), { withFileTypes: true });
    if (entries.find((entry) => entry.name === path.basename(file))?.isDirectory()) {
      for (const entry of readdirSync(file).sort()) visit(path.join(name, entry));
    } else {
      hash.update(`${name}\0`).update(readFileSync(file)).update('\0');
    }
  };
  names.forEach(visit);
  return hash.digest('hex');
}

const lockHash = () => hashFiles(['package-lock.json']);
const sourceHash = () =>
  hashFiles([
    ...['src', 'samples', 'tsconfig.json', 'tsconfig.build.json', 'package.json', 'package-lock.json'],
    'scripts/build.mjs',
    'scripts/bundle-workflows.mjs',
  ]);

/** By the stamp, or, where npm was run by hand, by npm's own record of what it has put there. */
function isInstalled() {
  if (readStamp(INSTALL_STAMP) === lockHash()) return true;
  const record = path.join(NODE_MODULES, '.package-lock.json');
  if (!existsSync(record)) return false;
  const wanted = JSON.parse(readFileSync(path.join(ROOT, 'package-lock.json'), 'utf8')).packages;
  const present = JSON.parse(readFileSync(record, 'utf8')).packages;
  return Object.entries(wanted).every(
    ([name, { version, optional, devOptional }]) =>
      name === '' || present[name]?.version === version || ((optional || devOptional) && !present[name]),
  );
}
const isBuilt = () => readStamp(BUILD_STAMP) === sourceHash();

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code !== 'ESRCH';
  }
}

/** Only one process installs and builds; a lock whose owner has died is taken over. */
async function withLock(action) {
  for (let told = false; ; told = true) {
    try {
      writeFileSync(LOCK, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const owner = Number(readStamp(LOCK));
    if (owner && !isAlive(owner)) rmSync(LOCK, { force: true });
    else {
      if (!told) console.error(`sluice: process ${owner} installs or builds here (${LOCK}), waiting`);
      await sleep(300);
    }
  }
  const release = () => rmSync(LOCK, { force: true });
  process.once('exit', release);
  try {
    return await action();
  } finally {
    process.off('exit', release);
    release();
  }
}

async function prepare() {
  if (isInstalled() && isBuilt()) return;
  await withLock(async () => {
    if (!isInstalled()) {
      // Like all that is fetched, npm's own cache is in the one cache folder.
      const env = { ...process.env, npm_config_cache: path.join(cacheFolder(), 'npm') };
      await stage('npm ci (dependencies are missing or not those of package-lock.json)', NPM, ['ci'], env);
      writeFileSync(INSTALL_STAMP, lockHash());
    }
    if (!isBuilt()) {
      const built = sourceHash();
      rmSync(path.join(ROOT, 'dist'), { recursive: true, force: true });
      await stage('npm run build (dist is missing or older than the sources)', NPM, [
        'run',
        '--silent',
        'build',
      ]);
      mkdirSync(path.dirname(BUILD_STAMP), { recursive: true });
      writeFileSync(BUILD_STAMP, built);
    }
  });
}

const [target, ...rest] = process.argv.slice(2);
if (!['demo', 'sluice', 'verify'].includes(target)) {
  console.error('Usage: node scripts/run.mjs demo|sluice|verify [arguments]');
  process.exit(2);
}
checkNode();
await prepare();
if (target === 'verify') {
  await stage('the programs that the tests run on', process.execPath, ['dist/src/local/prepare.js']);
  // Side by side: the tests leave a core idle now and then.
  const checks = ['format:check', 'lint'];
  // The linter reads types by a program in Go, which takes a sixth less when it collects its garbage more seldom.
  const env = { GOGC: '400', ...process.env };
  const codes = await Promise.all([
    ...checks.map((check) => tell(`npm run ${check}`, NPM, ['run', '--silent', check], env)),
    run(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', ...rest], { cwd: ROOT }),
  ]);
  const failed = checks.filter((_, i) => codes[i] !== 0);
  if (failed.length > 0) console.error(`sluice: failed beside the tests, see above: ${failed.join(', ')}`);
  process.exitCode = codes.find((code) => code !== 0) ?? 0;
} else {
  const client = path.join(ROOT, 'dist', 'src', 'client.js');
  // npm changes to the package's folder: relative paths are those of the folder where the user is.
  const cwd = process.env.INIT_CWD ?? process.cwd();
  process.exitCode = await run(process.execPath, [client, ...(target === 'demo' ? ['demo'] : []), ...rest], {
    cwd,
  });
}
