/** The tests that docs/testing.md shows, run as a project runs them, on the package as it was built. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeExamples } from '../../support/docsProject';

const root = join(__dirname, '..', '..', '..');
let project: string;

beforeAll(async () => {
  // There `sluice` is this checkout, and bundles are kept with those of other tests.
  const cache = join(root, 'node_modules', '.cache');
  await mkdir(cache, { recursive: true });
  project = await mkdtemp(join(cache, 'sluice-testing-'));
  await writeFile(join(project, 'package.json'), '{"type":"module"}');
  await writeExamples('testing.md', project);
});

afterAll(() => rm(project, { recursive: true, force: true }));

test('the tests of docs/testing.md pass', async () => {
  const args = ['--import', 'tsx', '--test', join(project, 'test', 'nightly.test.ts')];
  const said = await new Promise<string>((resolve) =>
    execFile(process.execPath, args, { cwd: project }, (_, out, err) => resolve(out + err)),
  );
  expect(said).toMatch(/^# pass 6$/m);
  expect(said).toMatch(/^# fail 0$/m);
}, 120_000);
