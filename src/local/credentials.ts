import { randomBytes } from 'node:crypto';
import { chmod, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** The secrets of one local stack. They stay the same as long as its data folder does. */
export interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  webhookSecret: string;
}

/** Reads `credentials.json` of the data folder, or writes it at the first start, readable by its owner only. */
export async function keepCredentials(folder: string): Promise<Credentials> {
  const file = path.join(folder, 'credentials.json');
  const kept = parseCredentials(await readFile(file, 'utf8').catch(() => ''));
  if (kept) {
    await chmod(file, 0o600);
    return kept;
  }
  const credentials: Credentials = {
    accessKeyId: `sluice${randomBytes(7).toString('hex')}`,
    secretAccessKey: randomBytes(20).toString('hex'),
    webhookSecret: randomBytes(20).toString('hex'),
  };
  await writeFile(`${file}.new`, `${JSON.stringify(credentials, null, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
  return credentials;
}

function parseCredentials(text: string): Credentials | undefined {
  try {
    const value = JSON.parse(text) as Credentials;
    return value.accessKeyId && value.secretAccessKey && value.webhookSecret ? value : undefined;
  } catch {
    return undefined;
  }
}
