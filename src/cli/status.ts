import type { Command } from 'commander';
import { addJson, parseId, type JsonOption } from './options';
import { note, print, printJson } from './output';
import { readStatus } from './readStatus';
import { hasColor, renderEnd } from './render';
import { withSession } from './session';

export function addStatus(program: Command): void {
  const command = program
    .command('status')
    .description('show the steps of a run')
    .argument('<run>', 'the id of the run; see "sluice list"', parseId)
    .addHelpText('after', '\nExample:\n  $ sluice status marketing-and-sales-20250301-120000-1a2b --json');
  addJson(command).action(async (id: string, { json }: JsonOption) => {
    const view = await withSession((session) => readStatus(session, id, note));
    if (json) printJson(view);
    else print(renderEnd(view, { color: hasColor() }));
  });
}
