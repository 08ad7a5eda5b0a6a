import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { agentEvents } from 'sluice-records/samples';
import { seeded } from 'sluice/testing';

/** `npm run samples -- FILE [SEED]`: agent events, as Firehose stores them. */
async function main([file = 'samples-out/agent-events.json', seed = '1']: string[]): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, agentEvents(seeded(Number(seed))));
  console.log(`Wrote ${file}`);
}

void main(process.argv.slice(2));
