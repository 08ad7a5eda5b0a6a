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

// Imports go one way: entries -> cli, webhook, local -> activities, workflows, config ... -> pipelines, jobs -> errors.
const zone = (target, ...from) => ({
  target: `./src/${target}`,
  from: from.map((place) => `./src/${place}`),
});

export default tseslint.config(
  { ignores: ['dist', 'node_modules', 'jest.config.js'] },
  ...tseslint.configs.recommendedTypeChecked,
  {
    plugins: { 'import-x': importX },
    languageOptions: {
      parserOptions: { projectService: { allowDefaultProject: ['*.mjs', 'scripts/*.mjs'] } },
    },
    settings: {
      'import-x/resolver': { node: { extensions: ['.ts', '.js'] } },
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
    },
    rules: {
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      '@typescript-eslint/consistent-type-imports': 'error',
      'import-x/no-cycle': 'error',
      'import-x/no-restricted-paths': [
        'error',
        {
          zones: [
            zone(
              'errors.ts',
              'jobs',
              'pipelines',
              'workflows',
              'activities',
              'cli',
              'webhook',
              'local',
              'config.ts',
              'connect.ts',
            ),
            zone(
              'jobs',
              'pipelines',
              'workflows',
              'activities',
              'cli',
              'webhook',
              'local',
              'config.ts',
              'connect.ts',
            ),
            zone(
              'pipelines',
              'workflows',
              'activities',
              'cli',
              'webhook',
              'local',
              'config.ts',
              'connect.ts',
            ),
            zone('workflows', 'cli', 'webhook', 'local', 'config.ts', 'connect.ts', 'logging.ts'),
            zone('activities', 'cli', 'webhook', 'local'),
            zone('webhook', 'cli', 'local'),
            zone('local', 'cli', 'webhook'),
          ],
        },
      ],
    },
  },
  {
    files: ['src/workflows/**', 'src/jobs/**', 'src/pipelines/**', 'src/errors.ts'],
    rules: { '@typescript-eslint/no-restricted-imports': ['error', noSandboxEscape] },
  },
  { files: ['**/*.mjs', '**/*.js'], ...tseslint.configs.disableTypeChecked },
  {
    files: ['test/**', 'bench/**'],
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/require-await': 'off',
    },
  },
);
