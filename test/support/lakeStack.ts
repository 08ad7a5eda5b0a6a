import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { runQuery } from '../../src';
import { startStack, type Stack, type StackOptions } from '../../src/local';
import { useCommandLines } from './cli';
import { projectOf } from './project';
import { connectToS3Of } from './s3';

/** A whole local stack with a system's project for the tests of a file, and what they do with its lake. */
export function useLakeStack(
  system: string,
  options: Pick<StackOptions, 'spark' | 'portOffset' | 'webhook'>,
) {
  const sluice = useCommandLines();
  let folder: string;
  let stack: Stack;
  let s3: S3Client;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-e2e-'));
    stack = await startStack({ dir: folder, report: () => {}, ...projectOf(system), ...options });
    s3 = connectToS3Of(stack);
  }, 300_000);

  afterAll(async () => {
    s3?.destroy();
    await stack?.stop();
    await rm(folder, { recursive: true, force: true });
  }, 60_000);

  const pathOf = (path: string) => join(folder, 's3', 'lake', path);
  return {
    env: () => ({ ...stack.info.env }),
    pathOf,
    upload: (Key: string, Body: Buffer | string) =>
      s3.send(new PutObjectCommand({ Bucket: 'lake', Key, Body: Buffer.from(Body as string) })),
    readLake: (path: string) => readFile(pathOf(path), 'utf8'),
    filesIn: async (path: string) =>
      (await readdir(pathOf(path), { recursive: true, withFileTypes: true }).catch(() => []))
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .sort(),
    /** Starts a run by the command line, and expects that it completes. */
    run: async (pipeline: string, id: string, ...parameters: string[]): Promise<Record<string, unknown>> => {
      const given = ['lake=s3://lake', ...parameters].flatMap((parameter) => ['-p', parameter]);
      const args = ['start', pipeline, '--id', id, ...given, '--wait', '--json'];
      const { stdout, stderr } = await sluice(args, { env: { ...stack.info.env } });
      expect(stderr).toBe('');
      const ended = JSON.parse(stdout) as Record<string, unknown>;
      expect(ended).toMatchObject({ state: 'completed' });
      return ended;
    },
    rowsOf: async (sql: string): Promise<Record<string, unknown>[]> => {
      const { rows } = await runQuery({
        ...{ sql, variables: {}, names: {}, maxRows: 2000, tempFolder: folder },
        signal: new AbortController().signal,
      });
      return rows!;
    },
  };
}
