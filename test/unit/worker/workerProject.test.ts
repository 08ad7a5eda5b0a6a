import { mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfig } from '../../../src/setup/config';
import { loadWorkflows } from '../../../src/worker/workerProject';
import { definePipeline } from '../../../src/workflow';

const ROOT = join(__dirname, '..', '..', '..');
let workspace: string;

beforeAll(async () => {
  workspace = await mkdtemp(join(tmpdir(), 'sluice-workspace-'));
  await mkdir(join(workspace, 'node_modules'));
  await symlink(ROOT, join(workspace, 'node_modules', 'sluice'));
});

afterAll(() => rm(workspace, { recursive: true, force: true }));

test('a project without packages of its own keeps its bundle with those of the workspace', async () => {
  const root = join(workspace, 'projects', 'etl');
  const file = join(root, 'nightly.cjs');
  await mkdir(root, { recursive: true });
  const description = "{ name: 'nightly', about: 'x' }";
  await writeFile(
    file,
    `exports.nightly = require('sluice/workflow').definePipeline(${description}, async () => 1);`,
  );
  // What was saved just now is not kept.
  await utimes(file, new Date(0), new Date(0));
  const nightly = { ...definePipeline({ name: 'nightly', about: 'x' }, async () => 1), file };
  const parts = { jobsFolders: [], runners: [], tasks: [], glueJobs: {}, crawlers: {}, limits: {} };
  await loadWorkflows({ root, pipelines: [nightly], ...parts }, readConfig({}));
  const cache = join(workspace, 'node_modules', '.cache', 'sluice');
  expect(await readdir(cache)).toContainEqual(expect.stringMatching(/^bundle-.*\.json$/));
});
