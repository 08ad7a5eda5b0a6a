import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker, type WorkflowBundle } from '@temporalio/worker';
import type { temporal } from '@temporalio/proto';
import * as workflows from '../../src/workflows';
import { SHIPPED_PIPELINES } from '../../src/workflows/shipped';
import { bundleWorkflows, quietRuntime } from '../support/environment';

const histories = join(__dirname, '..', 'histories');

/** The product's workflows, and those of the tests for its building blocks. */
let bundle: WorkflowBundle;

beforeAll(async () => {
  quietRuntime();
  bundle = await bundleWorkflows();
}, 60_000);

test('the workflows bundle, without what the sandbox forbids', async () => {
  const product = await bundleWorkflows(join(__dirname, '..', '..', 'src', 'workflows', 'index.ts'));
  // Half of it is a source map; zod or an AWS client would at least double the code.
  expect(product.code.length).toBeLessThan(3_000_000);
});

test('every pipeline is exported under its name', () => {
  for (const { name } of SHIPPED_PIPELINES) expect(workflows).toHaveProperty([name]);
});

test('every history replays', async () => {
  // Those that do not are all told, and not the first alone.
  const failed: string[] = [];
  const kept = readdirSync(histories)
    .filter((name) => name.endsWith('.json'))
    .map((name) => ({
      workflowId: name.replace('.json', ''),
      history: JSON.parse(readFileSync(join(histories, name), 'utf8')) as temporal.api.history.v1.IHistory,
    }));
  let replayed = 0;
  for await (const { workflowId, error } of Worker.runReplayHistories({ workflowBundle: bundle }, kept)) {
    replayed++;
    if (error) failed.push(`${workflowId}: ${error.message}`);
  }
  expect(failed).toEqual([]);
  expect(replayed).toBe(kept.length);
}, 120_000);

test('a history of other code does not replay', async () => {
  const text = readFileSync(join(histories, 'marketing-and-sales.json'), 'utf8').replaceAll(
    '"submitJob"',
    '"submitJobs"',
  );
  await expect(
    Worker.runReplayHistory({ workflowBundle: bundle }, JSON.parse(text), 'changed'),
  ).rejects.toThrow(/[Nn]ondeterminism/);
});
