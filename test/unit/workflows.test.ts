import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  bundleWorkflowCode,
  DefaultLogger,
  Worker,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';
import * as workflows from '../../src/workflows';
import { SHIPPED_PIPELINES } from '../../src/workflows/shipped';
import { quietRuntime } from '../support/environment';

const histories = join(__dirname, '..', 'histories');

const bundleOf = (...workflowsPath: string[]) =>
  bundleWorkflowCode({
    workflowsPath: join(__dirname, '..', '..', ...workflowsPath),
    logger: new DefaultLogger('ERROR'),
  });

/** The product's workflows, and those of the tests for its building blocks. */
let bundle: WorkflowBundleWithSourceMap;

beforeAll(async () => {
  quietRuntime();
  bundle = await bundleOf('test', 'support', 'workflows.ts');
}, 60_000);

test('the workflows bundle, without what the sandbox forbids', async () => {
  const product = await bundleOf('src', 'workflows', 'index.ts');
  // Half of it is a source map; zod or an AWS client would at least double the code.
  expect(product.code.length).toBeLessThan(3_000_000);
});

test('every pipeline is exported under its name', () => {
  for (const { name } of SHIPPED_PIPELINES) expect(workflows).toHaveProperty([name]);
});

test.each(readdirSync(histories).filter((name) => name.endsWith('.json')))(
  'the history %s replays',
  async (name) => {
    const history: unknown = JSON.parse(readFileSync(join(histories, name), 'utf8'));
    await Worker.runReplayHistory({ workflowBundle: bundle }, history, name.replace('.json', ''));
  },
);

test('a history of other code does not replay', async () => {
  const text = readFileSync(join(histories, 'marketing-and-sales.json'), 'utf8').replaceAll(
    '"submitJob"',
    '"submitJobs"',
  );
  await expect(
    Worker.runReplayHistory({ workflowBundle: bundle }, JSON.parse(text), 'changed'),
  ).rejects.toThrow(/[Nn]ondeterminism/);
});
