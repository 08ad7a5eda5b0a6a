import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { METRICS } from '../../src/contracts/metrics';
import { BUDGETS, ERROR_CODES } from '../../src/errors';
import { RunnerRegistry } from '../../src/runners';
import { OPTIONS } from '../../src/pipelines/input';

const root = join(__dirname, '..', '..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const all = (text: string, expression: RegExp) =>
  [...new Set([...text.matchAll(expression)].map((match) => match[1]!))].sort();

test('docs/errors.md has every error code, and no other', () => {
  expect(all(read('docs/errors.md'), /^## (\w+)$/gm)).toEqual(Object.keys(ERROR_CODES).sort());
});

test('docs/errors.md has the budgets of each class of failure that the code has, and where each is set', () => {
  const [classes, budgets] = [
    ...read('docs/errors.md').matchAll(/^\| (?:code|budget) .*\n\|[-| ]+\n((?:\|.*\n)+)/gm),
  ].map(([, rows]) =>
    rows!
      .trim()
      .split('\n')
      .map((row) =>
        row
          .split('|')
          .slice(1, -1)
          .map((cell) => cell.trim().replace(/`/g, '')),
      ),
  );
  const code = Object.entries(BUDGETS).map(([name, { submit, await: awaited }]) => [name, submit, awaited]);
  expect(classes!.slice(0, -1)).toEqual(code);
  expect(classes!.at(-1)).toEqual(['any other', 'none', 'retryFor']);
  const named = Object.values(BUDGETS).flatMap(({ submit, await: awaited }) => [submit, awaited]);
  expect(budgets!.map(([name]) => name).sort()).toEqual(
    [...new Set(named)].filter((name) => !/attempts/.test(name)).sort(),
  );
  for (const [name, , worker, option] of budgets!) {
    expect(option).toBe(`options.${name}`);
    expect(Object.keys(OPTIONS)).toContain(name);
    if (worker !== 'none') expect(read('src/setup/config.ts')).toContain(`duration('${worker}'`);
  }
});

test('docs/configuration.md has every setting, and no other', () => {
  const settings = all(
    read('src/setup/config.ts') + read('src/local/cache.ts'),
    /(?:'|env\.)(SLUICE_[A-Z0-9_]+)\b/g,
  );
  expect(all(read('docs/configuration.md'), /^\| `(SLUICE_\w+)`/gm)).toEqual(settings);
});

test('docs/command-line.md has every command, and no other', () => {
  const commands = all(read('docs/command-line.md'), /^## ([\w-]+)$/gm);
  expect(commands).toEqual([
    'cancel',
    'codec-server',
    'demo',
    'dev',
    'doctor',
    'init',
    'list',
    'pipelines',
    'reap',
    'resume',
    'retry',
    'schedule',
    'signal',
    'start',
    'status',
    'upload',
    'watch',
    'webhook',
    'worker',
  ]);
  for (const command of commands) {
    const file = command.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
    expect(existsSync(join(root, 'src', 'cli', `${file}.ts`))).toBe(true);
  }
});

test('docs/jobs.md has one section for every resource, and for no other', () => {
  const sections = [...read('docs/jobs.md').matchAll(/^## (`.+)$/gm)];
  const names = sections.flatMap(([, heading]) => [...heading!.matchAll(/`([^`]+)`/g)]);
  expect(names.map(([, name]) => name!).sort()).toEqual(new RunnerRegistry().resources.sort());
});

test.each(['docs/jobs.md', 'docs/writing-a-pipeline.md'])(
  '%s has every option of a job, and no other',
  (page) => {
    const table = /^\| option .*\n((?:\|.*\n)+)/m.exec(read(page))![1]!;
    expect(all(table, /^\| `(\w+)`/gm)).toEqual(Object.keys(OPTIONS).sort());
  },
);

test('docs/seen-from-outside.md has every metric with its labels and meaning, and no other', () => {
  const rows = [
    ...read('docs/seen-from-outside.md').matchAll(/^\| `(sluice_\w+)` +\| (\w+) +\| (.*?) +\| (.*?) +\|$/gm),
  ];
  const told = rows.map(([, name, kind, labels, about]) => [
    name,
    { kind, labels: labels === '' ? [] : labels!.split(', '), about },
  ]);
  expect(Object.fromEntries(told)).toEqual(METRICS);
});

test('the two commands of the README are there', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  expect(all(read('README.md'), /^(npm run demo|npm test)\b/gm)).toEqual(['npm run demo', 'npm test']);
  expect(scripts).toMatchObject({ demo: expect.any(String), test: expect.any(String) });
  expect(read('.ci/run')).toMatch(/^npm test$/m);
});

test('every relative link leads to a file', () => {
  const pages = ['.', 'docs'].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(folder, name)),
  );
  const broken = pages.flatMap((page) =>
    all(read(page), /\]\((?!https?:|#)([^)#]+)/g)
      .filter((link) => !existsSync(join(root, dirname(page), link)))
      .map((link) => `${page}: ${link}`),
  );
  expect(broken).toEqual([]);
});

test('the images have the versions that the local stack installs, and every image is pinned', () => {
  const docker = read('Dockerfile');
  const compose = read('docker-compose.yml');
  const tools = read('src/local/tools.ts');
  const gateway = all(tools, /(versitygw@v[\d.]+)/g);
  expect(gateway).toHaveLength(1);
  expect(all(docker, /(versitygw@v[\d.]+)/g)).toEqual(gateway);
  // Livy and Spark are installed and started by the local stack's own code, so their versions stand in tools.ts alone.
  expect(docker).toContain('serveLivy.js --install');
  expect(compose).toContain('dist/src/local/serveLivy.js');
  expect(docker + compose).not.toMatch(/pyspark|livy-server/);
  const images = [...all(docker, /^FROM (\S+:\S+)/gm), ...all(compose, /image: (\S+)/g)];
  for (const image of images) expect(image).toMatch(/:[a-z-]*\d[\w.-]*$/);
  for (const script of all(docker + compose, /(dist\/src\/[\w/]+)\.js/g)) {
    expect(existsSync(join(root, script.replace('dist/', '') + '.ts'))).toBe(true);
  }
});

test('docker-compose.yml has settings that exist, and no secret with a default', () => {
  const compose = read('docker-compose.yml');
  const settings = all(read('docs/configuration.md'), /^\| `(SLUICE_\w+)`/gm);
  for (const setting of all(compose, /^ +(SLUICE_\w+):/gm)) expect(settings).toContain(setting);
  const variables = all(compose, /(?<!\$)\$\{([^}]+)\}/g);
  expect(variables.length).toBeGreaterThan(0);
  for (const variable of variables) expect(variable).toMatch(/^\w+:\?/);
});
