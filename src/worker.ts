#!/usr/bin/env node
import './setup/quiet';
import { readEntry } from './project/readEntry';
import { runEntry } from './setup/runEntry';
import { runWorker } from './worker/runWorker';

runEntry(async () => {
  const { project, config } = await readEntry();
  await runWorker(project, config);
});
