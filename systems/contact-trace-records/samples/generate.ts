import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { contacts } from 'sluice-records/samples';
import { seeded } from 'sluice/testing';

/** `npm run samples -- FILE [SEED]`: contact trace records, as Firehose stores them. */
async function main([file = 'samples-out/ctr.json', seed = '1']: string[]): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, contacts(seeded(Number(seed))));
  console.log(`Wrote ${file}`);
}

void main(process.argv.slice(2));
