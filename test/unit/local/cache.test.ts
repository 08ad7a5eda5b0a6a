import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cacheFolder, install } from '../../../src/local/cache';
import { takeLock } from '../../../src/local/lock';

let cache: string;
const lines: string[] = [];
const report = (line: string) => void lines.push(line);

beforeEach(async () => {
  cache = await mkdtemp(path.join(tmpdir(), 'sluice-cache-'));
  lines.length = 0;
});
afterEach(() => rm(cache, { recursive: true, force: true }));

const build = (folder: string) => writeFile(path.join(folder, 'program'), 'whole');
const verify = () => Promise.resolve();

async function deadPid(): Promise<number> {
  const child = spawn('true');
  await new Promise((resolve) => child.once('exit', resolve));
  return child.pid as number;
}

test('the cache is the folder that the environment names, else the usual one', () => {
  expect(cacheFolder({ SLUICE_CACHE: '/a', XDG_CACHE_HOME: '/b', HOME: '/c' })).toBe('/a');
  expect(cacheFolder({ XDG_CACHE_HOME: '/b', HOME: '/c' })).toBe('/b/sluice');
  expect(cacheFolder({ HOME: '/c' })).toBe('/c/.cache/sluice');
});

test('a program is installed once and found afterwards', async () => {
  let builds = 0;
  const program = { name: 'program-1', build: (folder: string) => ((builds += 1), build(folder)), verify };
  const folder = await install(program, { cache, report });
  expect(await install(program, { cache, report })).toBe(folder);
  expect(builds).toBe(1);
  expect(await readdir(cache)).toEqual(['program-1']);
  expect(lines[1]).toMatch(/^program-1: installed in \d+\.\d s$/);
});

test('two that install at the same time build once, and the second says that it waits', async () => {
  let builds = 0;
  const slow = async (folder: string) => {
    builds += 1;
    await sleep(300);
    await build(folder);
  };
  const program = { name: 'program-1', build: slow, verify };
  const [first, second] = await Promise.all([
    install(program, { cache, report }),
    install(program, { cache, report }),
  ]);
  expect(first).toBe(second);
  expect(builds).toBe(1);
  expect(lines).toContain(`program-1: process ${process.pid} installs it, waiting`);
});

test('a program that does not run is not installed, and the next attempt starts anew', async () => {
  const refuse = () => Promise.reject(new Error('does not run'));
  await expect(install({ name: 'program-1', build, verify: refuse }, { cache, report })).rejects.toThrow(
    'does not run',
  );
  expect(await readdir(cache)).toEqual([]);
  await install({ name: 'program-1', build, verify }, { cache, report });
  expect(await readdir(cache)).toEqual(['program-1']);
});

test('what an interrupted installation left behind does not count and is removed', async () => {
  await install({ name: 'other-1', build, verify }, { cache, report });
  const owner = { pid: await deadPid(), host: (await import('node:os')).hostname(), began: '1' };
  await writeFile(path.join(cache, 'program-1.lock'), JSON.stringify(owner));
  const { mkdir } = await import('node:fs/promises');
  await mkdir(path.join(cache, '.partial-program-1-abc'));
  const folder = await install({ name: 'program-1', build, verify }, { cache, report });
  expect((await stat(path.join(folder, 'program'))).size).toBe(5);
  expect((await readdir(cache)).sort()).toEqual(['other-1', 'program-1']);
});

test('a lock is refused while its owner lives and names the owner', async () => {
  const file = path.join(cache, 'a.lock');
  const first = await takeLock(file);
  expect(await takeLock(file)).toEqual({ heldBy: process.pid });
  if ('lock' in first) await first.lock.release();
  expect(await takeLock(file)).toMatchObject({ lock: { stale: false } });
});

test('a lock whose file holds no owner counts as left behind', async () => {
  const file = path.join(cache, 'a.lock');
  await writeFile(file, '');
  expect(await takeLock(file)).toMatchObject({ lock: { stale: true } });
});
