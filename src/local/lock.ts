import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';

interface Owner {
  pid: number;
  host: string;
  /** When the process began, as its system tells it: a pid that was given out again is another owner. */
  began: string;
}

/** A lock between processes. `stale` tells that an owner that no longer lives had left it behind. */
export interface Lock {
  stale: boolean;
  release(): Promise<void>;
}

/** Takes the lock file, or tells which process holds it. A lock whose owner is dead counts as free. */
export async function takeLock(file: string): Promise<{ lock: Lock } | { heldBy: number }> {
  await mkdir(path.dirname(file), { recursive: true });
  const mine = JSON.stringify({
    pid: process.pid,
    host: hostname(),
    began: await processBegan(process.pid),
  } satisfies Owner);
  let stale = false;
  for (;;) {
    if (await createWhole(file, mine)) {
      return { lock: { stale, release: () => releaseLock(file, mine) } };
    }
    const content = await readFile(file, 'utf8').catch(() => undefined);
    if (content === undefined) continue;
    const owner = parseOwner(content);
    if (owner && (await isAlive(owner))) return { heldBy: owner.pid };
    await removeStale(file, content);
    stale = true;
  }
}

/** The file appears with its content or not at all, so that nobody reads a lock without an owner. */
async function createWhole(file: string, content: string): Promise<boolean> {
  const aside = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  await writeFile(aside, content);
  try {
    await link(aside, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(aside, { force: true });
  }
}

/** Moves the dead owner's file away; where a living one has replaced it meanwhile, puts that one back. */
async function removeStale(file: string, seen: string): Promise<void> {
  const aside = `${file}.stale.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    await rename(file, aside);
    if ((await readFile(aside, 'utf8')) !== seen) await link(aside, file).catch(() => undefined);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  } finally {
    await rm(aside, { force: true });
  }
}

async function releaseLock(file: string, mine: string): Promise<void> {
  const content = await readFile(file, 'utf8').catch(() => undefined);
  if (content === mine) await rm(file, { force: true });
}

function parseOwner(content: string): Owner | undefined {
  try {
    const owner = JSON.parse(content) as Owner;
    return Number.isInteger(owner.pid) && owner.pid > 0 ? owner : undefined;
  } catch {
    return undefined;
  }
}

/** An owner on another machine that shares the folder cannot be seen: it counts as alive. */
async function isAlive(owner: Owner): Promise<boolean> {
  if (owner.host !== hostname()) return true;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return owner.began === (await processBegan(owner.pid));
}

/** The start time that Linux keeps of a process; empty where the system has none to read. */
async function processBegan(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The second field is the program's name in brackets and may hold spaces: count from its end.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}
