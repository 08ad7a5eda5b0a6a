import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';

const PREFIX = 'sluice-duckdb-';
/** A folder's name tells whose it is: containers may share the folder of temporary files, and have the same process ids. */
const HOST = hostname().replace(/[^\w]/g, '_').slice(0, 60);

/** A new folder for one query. */
export function makeStagingFolder(base = tmpdir()): Promise<string> {
  return mkdtemp(join(base, `${PREFIX}${HOST}-${process.pid}-`));
}

/** Removes what workers of this machine left behind that have died. */
export async function sweepStagingFolders(base = tmpdir()): Promise<void> {
  const mine = new RegExp(`^${PREFIX}${HOST}-(\\d+)-`);
  for (const name of await readdir(base)) {
    const pid = Number(mine.exec(name)?.[1]);
    if (pid > 0 && !isAlive(pid)) await rm(join(base, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
