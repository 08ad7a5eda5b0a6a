import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { freePort } from 'sluice';
import { end, untilAnswering } from './localChain';

const CREDENTIALS = { accessKeyId: 'test', secretAccessKey: 'test-secret' };

/** The gateway that the local stack installs, over a new folder with the bucket `lake`. */
export async function startS3() {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-auction-s3-'));
  const buckets = join(folder, 's3');
  const metadata = join(folder, 'metadata');
  await mkdir(join(buckets, 'lake'), { recursive: true });
  await mkdir(metadata);
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const child = spawn(
    findGateway(),
    ['--quiet', '--port', `127.0.0.1:${port}`, 'posix', '--sidecar', metadata, buckets],
    {
      stdio: 'ignore',
      env: {
        ...process.env,
        ROOT_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
        ROOT_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      },
    },
  );
  await untilAnswering(endpoint);
  const s3 = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials: CREDENTIALS });
  return {
    s3,
    endpoint,
    credentials: CREDENTIALS,
    /** The text of all objects below a prefix of the bucket, one after the other. */
    async readAll(prefix: string): Promise<string> {
      const root = join(buckets, 'lake', prefix);
      if (!existsSync(root)) return '';
      const files = await readdir(root, { recursive: true, withFileTypes: true });
      const paths = files.filter((file) => file.isFile()).map((file) => join(file.parentPath, file.name));
      return (await Promise.all(paths.sort().map((path) => readFile(path, 'utf8')))).join('');
    },
    async stop() {
      s3.destroy();
      await end(child);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
export type LocalS3 = Awaited<ReturnType<typeof startS3>>;

function findGateway(): string {
  const cache = process.env['SLUICE_CACHE'] ?? join(homedir(), '.cache', 'sluice');
  return join(cache, 'versitygw-1.8.0', 'bin', 'versitygw');
}
