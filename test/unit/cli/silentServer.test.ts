/** A server that takes connections and never answers: a process that is stopped, a proxy without what is behind it. */
import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { runCommandLine } from '../../../src/cli';
import { toCommandError } from '../../../src/cli/errors';
import { uploadFile } from '../../../src/cli/lake';
import { classifyError } from '../../../src/services/failures';
import { connectS3 } from '../../../src/setup/connectS3';

const sockets = new Set<Socket>();
const before = { cwd: process.cwd(), env: process.env };
let server: Server;

beforeAll(async () => {
  server = createServer((socket) => sockets.add(socket.on('error', () => {})));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const keys = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', AWS_REGION: 'us-east-1' };
  process.env = { ...before.env, ...keys, AWS_ENDPOINT_URL: endpoint, TEMPORAL_ADDRESS: '127.0.0.1:1' };
  // Outside of a project, whose pipelines would be loaded.
  process.chdir(tmpdir());
});
afterAll(() => {
  process.chdir(before.cwd);
  process.env = before.env;
  process.exitCode = undefined;
  for (const socket of sockets) socket.destroy();
  server.close();
});

test('doctor tells within seconds that S3 does not answer, and what to mend', async () => {
  let out = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  await runCommandLine(['doctor', '--json']).finally(() => write.mockRestore());
  const { checks } = JSON.parse(out) as { checks: { name: string; detail: string; remedy: string }[] };
  expect(checks.find(({ name }) => name === 'S3')).toEqual({
    name: 'S3',
    ok: false,
    detail: 'no answer within 8 s',
    remedy: expect.stringContaining('See that S3 runs'),
  });
}, 30_000);

test('an upload to it fails as to a server that is away, in our own words alone', async () => {
  const warn = vi.spyOn(console, 'warn');
  const s3 = connectS3({ idleTimeoutMs: 100 });
  const error: unknown = await uploadFile(s3, __filename, 's3://lake/x').catch((cause: unknown) => cause);
  s3.destroy();
  expect(toCommandError(error)).toEqual({
    code: 'ServerUnreachable',
    message: expect.stringMatching(
      /^A server does not answer: the request socket timed out after 100 ms of inactivity\. See "sluice doctor"/,
    ),
    exitCode: 3,
  });
  expect(classifyError(error).code).toBe('Transient');
  expect(warn).not.toHaveBeenCalled();
});
