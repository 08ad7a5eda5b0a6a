import type { Command } from 'commander';
import { readProject } from './project';

export function addWorker(program: Command): void {
  program
    .command('worker')
    .description('run a worker, which does the work of the runs, until SIGTERM or Ctrl-C')
    .addHelpText('after', '\nExample:\n  $ TEMPORAL_ADDRESS=temporal.example.com:7233 sluice worker')
    .action(async () => {
      const { project, config } = await readProject(program);
      // Loaded only here: the worker's native part takes a second that no other command should wait for.
      const { runWorker } = await import('../worker/runWorker.js');
      await runWorker(project, config);
    });
}
