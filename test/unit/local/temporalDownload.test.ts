import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { canDownloadTemporalCli, downloadTemporalCli } from '../../../src/local/temporalDownload';

const run = promisify(execFile);
let folder: string;
let server: Server;
let baseUrl: string;
const asked: string[] = [];

/** A site laid out as Temporal's: a JSON that says where the archive is, and the archive. */
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'sluice-download-'));
  await writeFile(path.join(folder, 'temporal'), '#!/bin/sh\necho temporal version 9.9.9\n');
  await writeFile(path.join(folder, 'LICENSE'), 'text');
  await chmod(path.join(folder, 'temporal'), 0o755);
  await run('tar', ['-czf', path.join(folder, 'a.tar.gz'), '-C', folder, 'LICENSE', 'temporal']);
  const archive = await readFile(path.join(folder, 'a.tar.gz'));
  server = createServer((request, response) => {
    asked.push(request.url!);
    if (request.url!.startsWith('/cli/v9.9.9?')) {
      const archiveUrl = `${baseUrl}/archive`;
      return response.end(JSON.stringify({ archiveUrl, fileToExtract: 'temporal' }));
    }
    if (request.url === '/archive') return response.end(archive);
    response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

test('the program is taken out of its archive and runs; nothing else is left', async () => {
  const target = path.join(folder, 'bin');
  await downloadTemporalCli({ version: '9.9.9', folder: target, env: process.env, baseUrl });
  expect(await readdir(target)).toEqual(['temporal']);
  expect((await run(path.join(target, 'temporal'))).stdout).toContain('9.9.9');
  expect(asked[0]).toMatch(/arch=(amd64|arm64)&platform=\w+&format=tar\.gz$/);
});

test('a version that is not there, and a site that cannot be reached, are told apart from one that can', async () => {
  expect(await canDownloadTemporalCli('9.9.9', baseUrl)).toBe(true);
  expect(await canDownloadTemporalCli('0.0.0', baseUrl)).toBe(false);
  const nowhere = { version: '9.9.9', folder, env: process.env, baseUrl: 'http://127.0.0.1:1' };
  await expect(downloadTemporalCli(nowhere)).rejects.toThrow('127.0.0.1:1 cannot be reached');
});
