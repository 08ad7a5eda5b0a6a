import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const LISTEN = '0A';
/** 127.0.0.0/8, ::1 and 127.0.0.0/8 as an IPv6 address, as the kernel writes them. */
const LOOPBACK = /^([0-9A-F]{6}7F|0{24}01000000|0{16}FFFF0000[0-9A-F]{6}7F)$/;

/** Whether it can be told here who listens where. */
export const knowsListening = process.platform === 'linux';

/** The ports on which a process or one of its children listens, by whether others than this machine reach them. */
export function listeningPorts(pid: number): { loopback: number[]; open: number[] } {
  const sockets = new Set(familyOf(pid).flatMap(socketsOf));
  const ports: { loopback: number[]; open: number[] } = { loopback: [], open: [] };
  for (const table of ['tcp', 'tcp6'])
    for (const line of readFileSync(`/proc/net/${table}`, 'utf8').trim().split('\n').slice(1)) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      if (state !== LISTEN || !sockets.has(inode!)) continue;
      const [address, port] = local!.split(':') as [string, string];
      ports[LOOPBACK.test(address) ? 'loopback' : 'open'].push(parseInt(port, 16));
    }
  return ports;
}

function familyOf(pid: number): number[] {
  const pairs = execFileSync('ps', ['-eo', 'pid=,ppid='])
    .toString()
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number) as [number, number]);
  const childrenOf = (parent: number): number[] =>
    pairs.flatMap(([child, of]) => (of === parent ? [child, ...childrenOf(child)] : []));
  return [pid, ...childrenOf(pid)];
}

function socketsOf(pid: number): string[] {
  try {
    const folder = `/proc/${pid}/fd`;
    return readdirSync(folder).flatMap((name) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`${folder}/${name}`))?.[1] ?? [];
      } catch {
        return [];
      }
    });
  } catch {
    // It has ended meanwhile.
    return [];
  }
}
