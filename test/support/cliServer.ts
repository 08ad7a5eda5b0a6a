import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { sluice, useCommandLines } from './cli';
import { quietRuntime, serverEnv, startServer } from './environment';

/**
 * A server for the tests of a file, and the built command line against it. It has no worker: what starts goes on running.
 * @param cwd the folder of the project; that of this repository has all systems, which takes each command a while to read
 * @param inOneProcess whether all commands are run in one process, one after the other
 */
export function useCliServer({ cwd, inOneProcess = false }: { cwd?: string; inOneProcess?: boolean } = {}) {
  const run = inOneProcess ? useCommandLines() : sluice;
  let server: TestWorkflowEnvironment;

  beforeAll(async () => {
    quietRuntime();
    server = await startServer();
  }, 60_000);

  afterAll(() => server?.teardown());

  return {
    client: () => server.client,
    env: () => serverEnv(server),
    sluice: (args: string[], env: NodeJS.ProcessEnv = {}) =>
      run(args, {
        env: { ...serverEnv(server), HOME: '/nonexistent', ...env },
        ...(cwd === undefined ? {} : { cwd }),
      }),
  };
}
