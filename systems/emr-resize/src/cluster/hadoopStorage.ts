import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ensureJars, freePort, SluiceError } from 'sluice';
import type { Storage, StorageOptions, StorageStatus } from './storage';

export interface Hadoop {
  java: string;
  jars: string;
}

/** Hadoop's mini cluster, copied into the cache on first use: 90 MB. @throws SluiceError MissingTool without Java */
export function ensureHadoop(report: (line: string) => void): Promise<Hadoop> {
  const coordinates = 'org.apache.hadoop:hadoop-client-minicluster:3.4.1';
  return ensureJars({ title: "Hadoop's mini cluster", coordinates }, { env: process.env, report });
}

const PROGRAM = join(__dirname, '..', '..', 'java', 'MiniCluster.java');
const OPENED = ['java.base/java.lang', 'java.base/java.nio', 'java.base/sun.nio.ch'];

/** A real HDFS: a NameNode and DataNodes in one Java process, which ends with this one. */
export async function startHadoop(
  { java, jars }: Hadoop,
  { nodes, replication, dir }: StorageOptions & { dir: string },
): Promise<Storage> {
  await rm(dir, { recursive: true, force: true });
  await mkdir(dir, { recursive: true });
  const port = await freePort();
  const child = spawn(
    java,
    [
      ...['-Xmx768m', '-XX:TieredStopAtLevel=1', `-Djava.io.tmpdir=${dir}`],
      ...OPENED.flatMap((name) => ['--add-opens', `${name}=ALL-UNNAMED`]),
      ...['-cp', join(jars, '*'), PROGRAM],
      ...[port, join(dir, 'hdfs'), nodes, replication].map(String),
    ],
    { stdio: ['pipe', 'pipe', 'pipe'] },
  );
  const log = join(dir, 'hadoop.log');
  child.stderr.pipe(createWriteStream(log));
  await untilReady(child, log);
  const ask = async (verb: string, given: Record<string, string> = {}) => {
    const answer = await fetch(`http://127.0.0.1:${port}/${verb}?${String(new URLSearchParams(given))}`);
    const body = (await answer.json()) as { message?: string };
    if (!answer.ok) throw new Error(`HDFS: ${verb}: ${body.message}`);
    return body as unknown;
  };
  return {
    kind: 'hadoop',
    status: async () => (await ask('status')) as StorageStatus,
    add: (count) => ask('add', { count: String(count) }),
    drain: (names) => ask('drain', { names: names.join(',') }),
    remove: (name) => ask('remove', { name }),
    configure: (properties) => ask('configure', properties),
    write: (files, bytes) => ask('write', { files: String(files), bytes: String(bytes) }),
    check: async () => (await ask('check')) as { files: number; readable: number },
    async stop() {
      const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** @throws SluiceError MissingTool when the process ends instead */
async function untilReady(child: ChildProcess, log: string): Promise<void> {
  for await (const line of createInterface({ input: child.stdout! })) if (line === 'ready') return;
  const said = (await readFile(log, 'utf8')).trim().split('\n').slice(0, 3).join(' ');
  throw new SluiceError('MissingTool', `Hadoop's mini cluster does not start on this Java: ${said} (${log})`);
}
