#!/usr/bin/env node
import './setup/quiet';
import { runDevWorker } from './project/devWorker';
import { readEntry } from './project/readEntry';
import { runEntry } from './setup/runEntry';

runEntry(async () => {
  const { project, config } = await readEntry();
  await runDevWorker(project, config);
});
