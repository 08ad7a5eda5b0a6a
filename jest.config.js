/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/{test,packages/*/test,systems/*/test}/**/*.test.ts'],
  // The package's own sources, so that there is one instance of them whoever imports.
  moduleNameMapper: {
    '^sluice$': '<rootDir>/src/index.ts',
    '^sluice/(workflow|testing)$': '<rootDir>/src/$1.ts',
  },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
        module: { type: 'commonjs', lazy: true },
      },
    ],
  },
  // For two cores, of which a test that waits leaves one idle. Each file has servers of its own, on ports of its own.
  maxWorkers: 3,
  testSequencer: '<rootDir>/scripts/jest-sequencer.mjs',
  testTimeout: 60_000,
  setupFiles: ['<rootDir>/src/setup/quiet.ts'],
  setupFilesAfterEnv: ['<rootDir>/test/support/retryOnce.ts'],
};
