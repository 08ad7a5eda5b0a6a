import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils';

/** With `SLUICE_RECORD_HISTORIES` set, keeps a history for the replay tests under `test/histories`. */
export async function recordHistory(name: string, handle: WorkflowHandle): Promise<void> {
  if (!process.env['SLUICE_RECORD_HISTORIES']) return;
  const file = join(__dirname, '..', 'histories', `${name}.json`);
  await writeFile(file, `${historyToJSON(await handle.fetchHistory())}\n`);
}
