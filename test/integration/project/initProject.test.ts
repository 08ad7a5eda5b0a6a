import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { initProject } from '../../../src/project/initProject';
import { sluice } from '../../support/cli';

let root: string;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'sluice-init-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

test('a project is written whole, and its pipeline is known to the command line', async () => {
  const { code } = await sluice(['init', 'My Etl'], { cwd: root });
  expect(code).toBe(0);
  const folder = path.join(root, 'My Etl');
  const written = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as { name: string };
  expect(written.name).toBe('my-etl');
  expect(readFileSync(path.join(folder, '.gitignore'), 'utf8')).toContain('.sluice/');
  expect(readFileSync(path.join(folder, 'README.md'), 'utf8')).toMatch(/^# my-etl\n/);
  const { stdout } = await sluice(['pipelines', '--json'], { cwd: folder });
  expect((JSON.parse(stdout) as { name: string }[]).map(({ name }) => name)).toEqual(['hello', 'job']);
});

test('pipeline and test are at most 25 lines each', async () => {
  await initProject(path.join(root, 'etl'));
  for (const file of ['src/pipelines/hello.ts', 'test/hello.test.ts'])
    expect(readFileSync(path.join(root, 'etl', file), 'utf8').split('\n').length - 1).toBeLessThanOrEqual(25);
});

test('an empty folder, and one that is a new repository, are filled', async () => {
  mkdirSync(path.join(root, '.git'));
  await initProject(root);
  expect(readdirSync(root)).toEqual(expect.arrayContaining(['sluice.config.ts', 'package.json']));
});

test('a folder that holds something is refused, and nothing is written', async () => {
  writeFileSync(path.join(root, 'notes.txt'), '');
  await expect(initProject(root)).rejects.toMatchObject({
    code: 'InvalidInput',
    message: expect.stringMatching(/is not empty \(notes\.txt\); give a new folder/) as string,
  });
  expect(readdirSync(root)).toEqual(['notes.txt']);
  await expect(initProject(path.join(root, 'notes.txt'))).rejects.toThrow(/is a file/);
});
