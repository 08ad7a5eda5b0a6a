/** What a project of one's own compiles against: the declarations of the package. The examples of the docs are such projects. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { writeExamples } from '../support/docsProject';

const root = join(__dirname, '..', '..');
/** Each has the files of one project. */
const PAGES = ['writing-a-pipeline.md', 'tasks-and-runners.md', 'testing.md'];
let project: string;

const WRONG = `
import type { Job } from 'sluice';
import type { Job as WorkflowJob } from 'sluice/workflow';
import { task, type Run } from 'sluice/workflow';
import type { countLines } from '../src/tasks/countLines';

declare const run: Run;
const parameters = { table: 'leads' };
const right: Job = { resource: 'acme:refresh', parameters };
const rightToo: WorkflowJob<'acme:refresh'> = { resource: 'acme:refresh', parameters };
const shipped: WorkflowJob = { resource: 'glue:startJobRun', parameters: { JobName: 'load' } };
void run.job('refresh', { resource: 'acme:refresh', parameters });
void [right, rightToo, shipped, task('any', { of: 'them' })];

// @ts-expect-error a parameter that is misspelt
void run.job('refresh', { resource: 'acme:refresh', parameters: { tabel: 'leads' } });
// @ts-expect-error a resource that nobody defined
void run.job('refresh', { resource: 'acme:refesh', parameters });
// @ts-expect-error another task's name
task<typeof countLines>('count-words', { from: 's3://lake/a/' });
// @ts-expect-error a field of the wrong type
task<typeof countLines>('count-lines', { from: 5 });
// @ts-expect-error a field that is missing
task<typeof countLines>('count-lines', { ending: '.txt' });
`;

beforeAll(async () => {
  // Below node_modules, so that what the package depends on is found as in an installation.
  const cache = join(root, 'node_modules', '.cache');
  await mkdir(cache, { recursive: true });
  project = await mkdtemp(join(cache, 'sluice-types-'));
  // The package as it is published, with the declarations of `npm run build`.
  await mkdir(join(project, 'node_modules'));
  await symlink(root, join(project, 'node_modules', 'sluice'));
  for (const page of PAGES) await writeExamples(page, join(project, page.replace('.md', '')));
  await writeFile(join(project, 'tasks-and-runners', 'test', 'wrong.ts'), WRONG);
});

afterAll(() => rm(project, { recursive: true, force: true }));

test('the projects of the docs type-check, and mistakes do not', async () => {
  const compilerOptions = {
    ...{ module: 'nodenext', target: 'es2022', strict: true, noEmit: true },
    ...{ skipLibCheck: true, esModuleInterop: true, types: ['node'] },
  };
  await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const compile = promisify(execFile)(process.execPath, [compiler, '-p', project, '--pretty', 'false']);
  await expect(compile).resolves.toMatchObject({ stdout: '' });
}, 180_000);
