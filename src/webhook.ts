#!/usr/bin/env node
import './setup/quiet';
import { readEntry } from './project/readEntry';
import { runEntry } from './setup/runEntry';
import { runWebhook } from './webhook/runWebhook';

runEntry(async () => {
  const { project, config } = await readEntry();
  await runWebhook({ config, pipelines: project.pipelines.map(({ description }) => description) });
});
