import { spawn, execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Processes, type ProcessPlan } from '../../../src/local/processes';

let logs: string;
beforeEach(async () => {
  logs = await mkdtemp(path.join(tmpdir(), 'sluice-processes-'));
});
afterEach(() => rm(logs, { recursive: true, force: true }));

function plan(script: string, more: Partial<ProcessPlan> = {}): ProcessPlan {
  const base = { name: 'child', command: process.execPath, args: ['-e', script], env: process.env, logs };
  return { ...base, ready: 'message', ...more };
}

/** Members of a process group that still run: a zombie has ended. */
function members(group: number): string[] {
  const lines = execFileSync('ps', ['-eo', 'pgid=,stat=,args=']).toString().split('\n');
  return lines.filter((line) => Number(line.trim().split(/\s+/)[0]) === group && !/^\s*\d+\s+Z/.test(line));
}

const READY = 'process.send({ ready: true }); setInterval(() => {}, 1000);';

test('a child is ready at its message, and stopping it ends its whole group', async () => {
  const processes = new Processes();
  const child = await processes.start(plan(`require('child_process').spawn('sleep', ['60']); ${READY}`));
  expect(members(child.pid).length).toBeGreaterThanOrEqual(3);
  await processes.stop();
  await processes.stop();
  expect(members(child.pid)).toEqual([]);
});

test('a child that ignores SIGTERM is killed after its grace', async () => {
  const processes = new Processes();
  const child = await processes.start(plan(`process.on('SIGTERM', () => {}); ${READY}`, { graceMs: 100 }));
  await child.stop();
  expect(members(child.pid)).toEqual([]);
});

test('a child that ends while it starts is an error with its last lines', async () => {
  const starting = new Processes().start(plan(`console.error('no database'); process.exit(3)`));
  await expect(starting).rejects.toThrow(
    /child ended while it started \(exit code 3\).*child\.log[^]*no database/,
  );
});

test('a child that is not ready in time is ended', async () => {
  const starting = new Processes().start(plan('setInterval(() => {}, 1000)', { readyTimeoutMs: 200 }));
  await expect(starting).rejects.toThrow('child was not ready within 0.2 s');
});

test('a program that does not exist is an error that says so', async () => {
  await expect(new Processes().start(plan('', { command: '/no/such/program' }))).rejects.toThrow(
    /exit code 127[^]*not found/,
  );
});

test('the end of a running child, unasked, is told with its name and log', async () => {
  const processes = new Processes();
  const child = await processes.start(plan(READY));
  process.kill(child.pid, 'SIGKILL');
  expect((await processes.crashed).message).toBe(
    `child ended unexpectedly (SIGKILL); its log: ${child.logFile}`,
  );
});

test('children end soon after a parent that was killed', async () => {
  // The parent is a process of its own, in plain JavaScript, with the same shell script between.
  const source = await readFile(path.join(__dirname, '../../../src/local/processes.ts'), 'utf8');
  const watched = /const WATCHED = `([^`]*)`/.exec(source)?.[1] as string;
  const parent = spawn(process.execPath, [
    '-e',
    `const child = require('child_process').spawn('/bin/sh', ['-c', ${JSON.stringify(watched)}, 'sh', 'sleep', '60'],
      { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
     console.log(child.pid);`,
  ]);
  const group = Number(await new Promise((resolve) => parent.stdout.once('data', resolve)));
  expect(members(group).length).toBeGreaterThan(0);
  parent.kill('SIGKILL');
  for (let attempt = 0; attempt < 50 && members(group).length > 0; attempt += 1) await sleep(100);
  expect(members(group)).toEqual([]);
});
