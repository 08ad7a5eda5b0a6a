/** Builds the provider JAR into a folder: `npm run build:provider -- [DIR]`, by default `dist`. */
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { buildJar } from '../src/provider/buildJar';
import { readSettings } from '../src/settings';

async function main(): Promise<void> {
  const folder = resolve(process.argv[2] ?? 'dist');
  await mkdir(folder, { recursive: true });
  await buildJar({ folder, maven: readSettings().maven, signal: AbortSignal.timeout(30 * 60_000) });
  const jar = join(folder, 'emr-tls.jar');
  const sha256 = createHash('sha256')
    .update(await readFile(jar))
    .digest('hex');
  console.log(`${sha256}  ${jar}`);
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
