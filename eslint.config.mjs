import { readdirSync } from 'node:fs';
import tseslint from 'typescript-eslint';
import importX from 'eslint-plugin-import-x';

const noSandboxEscape = {
  paths: ['zod', 'pino', 'fastify', '@temporalio/client', '@temporalio/worker'].map((name) => ({
    name,
    message: 'Workflow code and pure modules run in the sandbox.',
  })),
  patterns: [
    {
      group: ['node:*', '@aws-sdk/*', '@duckdb/*'],
      allowTypeImports: true,
      message: 'No Node, AWS or I/O imports here.',
    },
  ],
};

/**
 * The rooms of `src`, from the bottom up: a room imports from those before it alone. Entries (`client.ts`, `worker.ts`,
 * `webhook.ts`) and the package's own doors (`index.ts`, `workflow.ts`, `testing.ts`) import from all.
 */
const ROOMS = [
  ['errors.ts'],
  ['jobs', 'pipelines'],
  ['contracts'],
  ['workflows'],
  ['setup'],
  ['services'],
  ['lake'],
  ['runners', 'duckdb', 'engines', 'tasks'],
  ['arrivals', 'activities'],
  ['worker'],
  ['webhook', 'local', 'project'],
  ['testing', 'codec'],
  ['cli'],
];

const zones = ROOMS.flatMap((rooms, i) => {
  const above = ROOMS.slice(i + 1)
    .flat()
    .map((room) => `./src/${room}`);
  return above.length === 0 ? [] : rooms.map((room) => ({ target: `./src/${room}`, from: above }));
});

/** Projects use what the package exports, and nothing of each other; the engine knows none of them. */
const PROJECTS = ['systems', 'packages'].flatMap((folder) =>
  readdirSync(new URL(folder, import.meta.url)).map((name) => `./${folder}/${name}`),
);
const OWN = ['src', 'samples', 'sluice.config.ts'];
const projectZones = [
  { target: './src', from: PROJECTS, message: 'The engine depends on nothing that one project alone needs.' },
  ...PROJECTS.flatMap((project) =>
    OWN.map((part) => ({
      target: `${project}/${part}`,
      from: [
        './src',
        './test',
        './samples',
        ...PROJECTS.filter((other) => other !== project && !other.startsWith('./packages/')),
      ],
      message: 'A project imports what `sluice`, or another package by its name, exports.',
    })),
  ),
];

export default tseslint.config(
  { ignores: ['dist', 'node_modules', '.sluice', 'jest.config.js', 'templates', 'test/fixtures'] },
  ...tseslint.configs.recommendedTypeChecked,
  {
    plugins: { 'import-x': importX },
    languageOptions: {
      parserOptions: { projectService: { allowDefaultProject: ['*.mjs', 'scripts/*.mjs'] } },
    },
    settings: {
      // By value: by its name `node` it is looked for in each package first, and viem has a folder of that name.
      'import-x/resolver-next': [importX.createNodeResolver({ extensions: ['.ts', '.js'] })],
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
    },
    rules: {
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      '@typescript-eslint/consistent-type-imports': 'error',
      'import-x/no-cycle': ['error', { ignoreExternal: true }],
      'import-x/no-restricted-paths': ['error', { zones: [...zones, ...projectZones] }],
    },
  },
  {
    files: ['src/workflows/**', 'src/jobs/**', 'src/pipelines/**', 'src/contracts/**', 'src/errors.ts'],
    rules: { '@typescript-eslint/no-restricted-imports': ['error', noSandboxEscape] },
  },
  { files: ['**/*.mjs', '**/*.js'], ...tseslint.configs.disableTypeChecked },
  // What node:test is given to run is not awaited.
  {
    files: ['templates/project/test/**'],
    rules: { '@typescript-eslint/no-floating-promises': 'off' },
  },
  {
    files: ['test/**', 'bench/**', '{packages,systems}/*/{test,bench}/**'],
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/require-await': 'off',
    },
  },
);
