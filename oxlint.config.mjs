import { readdirSync } from 'node:fs';

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
  return rooms.map((room) => ({
    target: `./src/${room}`,
    from: above,
    message: 'It belongs to a room above.',
  }));
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

/** What typescript-eslint recommends: https://typescript-eslint.io/users/configs#recommended-type-checked */
const SYNTAX = [
  ...['no-var', 'prefer-const', 'prefer-rest-params', 'prefer-spread'],
  ...[
    ...['ban-ts-comment', 'no-array-constructor', 'no-duplicate-enum-values', 'no-empty-object-type'],
    ...['no-explicit-any', 'no-extra-non-null-assertion', 'no-misused-new', 'no-namespace'],
    ...['no-non-null-asserted-optional-chain', 'no-require-imports', 'no-this-alias'],
    ...['no-unnecessary-type-constraint', 'no-unsafe-declaration-merging', 'no-unsafe-function-type'],
    ...['no-unused-expressions', 'no-wrapper-object-types', 'prefer-as-const', 'prefer-namespace-keyword'],
    'triple-slash-reference',
  ].map((rule) => `typescript/${rule}`),
];
const TYPED = [
  ...['await-thenable', 'no-array-delete', 'no-base-to-string', 'no-duplicate-type-constituents'],
  ...['no-floating-promises', 'no-for-in-array', 'no-implied-eval', 'no-misused-promises'],
  ...['no-redundant-type-constituents', 'no-unnecessary-type-assertion', 'no-unsafe-argument'],
  ...['no-unsafe-assignment', 'no-unsafe-call', 'no-unsafe-enum-comparison', 'no-unsafe-member-access'],
  ...['no-unsafe-return', 'no-unsafe-unary-minus', 'only-throw-error', 'prefer-promise-reject-errors'],
  ...['require-await', 'restrict-plus-operands', 'restrict-template-expressions', 'unbound-method'],
].map((rule) => `typescript/${rule}`);
const all = (rules, severity) => Object.fromEntries(rules.map((rule) => [rule, severity]));

export default {
  ignorePatterns: ['dist', 'node_modules', '.sluice', 'templates', 'test/fixtures'],
  plugins: ['typescript', 'import'],
  jsPlugins: ['./scripts/lint-zones.mjs'],
  categories: { correctness: 'off' },
  options: { typeAware: true },
  rules: {
    ...all([...SYNTAX, ...TYPED], 'error'),
    'typescript/consistent-type-imports': 'error',
    'no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
    'import/no-cycle': 'error',
    'zones/no-restricted-paths': ['error', { zones: [...zones, ...projectZones] }],
  },
  overrides: [
    { files: ['**/*.mjs', '**/*.cjs', '**/*.js'], rules: all(TYPED, 'off') },
    { files: ['**/*.cjs'], rules: { 'typescript/no-require-imports': 'off' } },
    {
      files: ['src/workflows/**', 'src/jobs/**', 'src/pipelines/**', 'src/contracts/**', 'src/errors.ts'],
      rules: { 'no-restricted-imports': ['error', noSandboxEscape] },
    },
    {
      files: ['test/**', 'bench/**', '{packages,systems}/*/{test,bench}/**'],
      rules: {
        'typescript/no-unsafe-assignment': 'off',
        'typescript/no-unsafe-member-access': 'off',
        'typescript/require-await': 'off',
      },
    },
  ],
};
