import type { Command } from 'commander';
import { EXIT } from './errors';
import { followRun } from './follow';
import { withInterrupt } from './interrupt';
import { addJson, parseId, type JsonOption } from './options';
import { note, print } from './output';
import { isEnded, isSuccess, readStatus } from './readStatus';
import { withSession } from './session';

export function addWatch(program: Command): void {
  const command = program
    .command('watch')
    .description('show the steps of a run, live until it ends; exit code 1 when it failed')
    .argument('<run>', 'the id of the run; see "sluice list"', parseId)
    .addHelpText('after', '\nExample:\n  $ sluice watch marketing-and-sales-20250301-120000-1a2b');
  addJson(command).action((id: string, { json }: JsonOption) =>
    withSession((session) =>
      withInterrupt(async (signal) => {
        const mode = json ? 'json' : process.stdout.isTTY ? 'terminal' : 'lines';
        const read = () => readStatus(session, id, noteOnce);
        const view = await followRun({ read, mode, write: print, signal });
        if (!isEnded(view)) note(`The run goes on. See it with: sluice watch ${id}`);
        process.exitCode = !isEnded(view) ? EXIT.interrupted : isSuccess(view) ? EXIT.ok : EXIT.failed;
      }),
    ),
  );
}

const noted = new Set<string>();

/** A poll repeats what the one before had to say. */
export function noteOnce(line: string): void {
  if (!noted.has(line)) note(line);
  noted.add(line);
}
