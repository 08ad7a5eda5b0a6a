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
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } },
    ],
  },
  // Two cores: integration tests share one Temporal server, one gateway and one Livy, so more workers only queue.
  maxWorkers: 1,
  testTimeout: 60_000,
  setupFiles: ['<rootDir>/src/setup/quiet.ts'],
};
