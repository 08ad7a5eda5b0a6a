import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectS3 } from '../../../src/setup/connectS3';

const NAMES = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_PROFILE'];
const before = { ...process.env };
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-credentials-'));
  for (const name of NAMES) delete process.env[name];
  process.env['AWS_SHARED_CREDENTIALS_FILE'] = join(folder, 'credentials');
  process.env['AWS_CONFIG_FILE'] = join(folder, 'config');
});

afterEach(async () => {
  vi.restoreAllMocks();
  process.env = { ...before };
  await rm(folder, { recursive: true });
});

const write = (key: string) =>
  writeFile(
    join(folder, 'credentials'),
    `[default]\naws_access_key_id = ${key}\naws_secret_access_key = secret\n`,
  );

test('a key that is renewed in its file is in force a minute later, in a client that has used the old one', async () => {
  const s3 = connectS3();
  const keyInUse = async () => (await s3.config.credentials()).accessKeyId;
  await write('OLD');
  expect(await keyInUse()).toBe('OLD');
  await write('NEW');
  expect(await keyInUse()).toBe('OLD');
  const inAMinute = Date.now() + 61_000;
  vi.spyOn(Date, 'now').mockReturnValue(inAMinute);
  expect(await keyInUse()).toBe('NEW');
});

test('a file that is not there yet is read once it is', async () => {
  process.env['AWS_EC2_METADATA_DISABLED'] = 'true';
  const s3 = connectS3();
  await expect(s3.config.credentials()).rejects.toThrow(/credentials/i);
  await write('NEW');
  expect((await s3.config.credentials()).accessKeyId).toBe('NEW');
});
