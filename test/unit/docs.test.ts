import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ERROR_CODES } from '../../src/errors';

const root = join(__dirname, '..', '..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const all = (text: string, expression: RegExp) =>
  [...new Set([...text.matchAll(expression)].map((match) => match[1]!))].sort();

test('docs/errors.md has every error code, and no other', () => {
  expect(all(read('docs/errors.md'), /^## (\w+)$/gm)).toEqual(Object.keys(ERROR_CODES).sort());
});

test('docs/configuration.md has every setting, and no other', () => {
  const settings = all(
    read('src/config.ts') + read('src/local/cache.ts'),
    /(?:'|env\.)(SLUICE_[A-Z0-9_]+)\b/g,
  );
  expect(all(read('docs/configuration.md'), /^\| `(SLUICE_\w+)`/gm)).toEqual(settings);
});

test('docs/command-line.md has every command, and no other', () => {
  const commands = all(read('docs/command-line.md'), /^## (\w+)$/gm);
  expect(commands).toEqual([
    'cancel',
    'demo',
    'dev',
    'doctor',
    'list',
    'pipelines',
    'schedule',
    'signal',
    'start',
    'status',
    'watch',
    'webhook',
    'worker',
  ]);
  for (const command of commands) expect(existsSync(join(root, 'src', 'cli', `${command}.ts`))).toBe(true);
});

test('the two commands of the README are there', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  for (const script of all(read('README.md'), /^npm (?:run )?(demo|test)\b/gm))
    expect(scripts).toHaveProperty(script);
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
  const [docker, compose, tools] = ['Dockerfile', 'docker-compose.yml', 'src/local/tools.ts'].map(read) as [
    string,
    string,
    string,
  ];
  const [gateway] = all(tools, /(versitygw@v[\d.]+)/g);
  expect(docker).toContain(gateway);
  const images = [...all(docker, /^FROM (\S+:\S+)/gm), ...all(compose, /image: (\S+)/g)];
  for (const image of images) expect(image).toMatch(/:[\w-]*\d+\.?[\d.-]*/);
  for (const script of all(compose, /(dist\/src\/[\w/]+)\.js/g)) {
    expect(existsSync(join(root, script.replace('dist/', '') + '.ts'))).toBe(true);
  }
});
