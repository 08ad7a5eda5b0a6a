import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const TYPESCRIPT = fileURLToPath(new URL('scripts/typescript.cjs', import.meta.url));
const FILES = '{test,packages/*/test,systems/*/test}/**/*.test.ts';
const WITHOUT_SERVERS = 'test/{unit,contract,corpus}/**/*.test.ts';
/** They install a runtime of Temporal with settings of their own, of which a process has one. */
const ALONE = ['test/integration/outside/outside.test.ts'];
const RECORDING = process.env['SLUICE_RECORD_HISTORIES'] === undefined ? [] : ['test/histories/record.ts'];

/**
 * Node loads what is tested, as it does for users: files that run in one process share their modules, and each module is
 * there once, whoever loads it.
 */
const loadedByNode: Plugin = {
  name: 'loaded-by-node',
  enforce: 'pre',
  transform: (_, file) =>
    /\/test\/.*(\.test|\/record)\.ts$/.test(file)
      ? `import { createRequire } from 'node:module';
         createRequire(${JSON.stringify(file)})(${JSON.stringify(file)});`
      : undefined,
};

const SERVERS = 'servers';
/** What takes the machine, Java above all. */
const HEAVY = /\/e2e\/|endToEnd|[kK]illed|\/jobs\/engines/;

/**
 * Between two files that take the machine come two that mostly wait; those without servers fill the gaps at the end. Those of
 * one project come one after the other, since a process runs the files of one.
 */
class HeavyAmongLight extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const others = sorted.filter(({ project }) => project.name !== SERVERS);
    const served = sorted.filter(({ project }) => project.name === SERVERS);
    const heavy = served.filter(({ moduleId }) => HEAVY.test(moduleId));
    const light = served.filter(({ moduleId }) => !HEAVY.test(moduleId));
    const among = heavy.flatMap((file, i) => [file, ...light.slice(2 * i, 2 * i + 2)]);
    return [...among, ...light.slice(2 * heavy.length), ...others];
  }
}

interface Files {
  include: string[];
  exclude?: string[];
  isolate?: boolean;
  retry?: number;
}

const tests = (name: string, files: Files) => ({
  plugins: [loadedByNode],
  test: {
    ...{ name, isolate: false, ...files },
    globals: true,
    pool: 'forks' as const,
    // Threads of its own for the collector of garbage take more of two cores than they spare.
    execArgv: ['--require', TYPESCRIPT, '--enable-source-maps', '--single-threaded-gc'],
    setupFiles: ['src/setup/quiet.ts', 'test/support/setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    sequence: { hooks: 'list' as const },
  },
});

export default defineConfig({
  test: {
    // For two cores, since tests wait as well. Each file has servers of its own, on ports of its own.
    maxWorkers: 4,
    sequence: { sequencer: HeavyAmongLight },
    reporters: [['default', { summary: false }]],
    // A call that is tried again by a timer when its test has closed the connection.
    onUnhandledError: ({ message }) => (/^Channel has been shut down/.test(message) ? false : undefined),
    // What the long forms print is what they have counted.
    silent: process.env['SLUICE_LONG'] === '1' ? false : 'passed-only',
    projects: [
      // A test on real servers that fails by the load of the machine passes when it is run again.
      tests(SERVERS, { include: [FILES, ...RECORDING], exclude: [WITHOUT_SERVERS, ...ALONE], retry: 1 }),
      tests('alone', { include: ALONE, isolate: true, retry: 1 }),
      tests('without servers', { include: [WITHOUT_SERVERS] }),
    ],
  },
});
