import type { Command } from 'commander';
import { readProject } from './project';

export function addWebhook(program: Command): void {
  program
    .command('webhook')
    .description('run the webhook, which hears of new objects, until SIGTERM or Ctrl-C')
    .addHelpText('after', '\nExample:\n  $ SLUICE_WEBHOOK_SECRET=… sluice webhook')
    .action(async () => {
      const { runWebhook } = await import('../webhook/runWebhook.js');
      await runWebhook(await readProject(program));
    });
}
