import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { SluiceError } from '../errors';
import { EXIT } from './errors';
import { addJson, parseId, type JsonOption } from './options';
import { note, print, printJson } from './output';
import { isEnded, listSteps, readStatus, type RunView } from './readStatus';
import { hasColor, renderStatus } from './render';
import { withSession, type Session } from './session';
import { noteOnce } from './watch';

/** Stopping a job takes as long as its service takes; after this the command stops waiting, not the run. */
const WAIT_MS = 60_000;

export function addCancel(program: Command): void {
  const command = program
    .command('cancel')
    .description('cancel a run, stop its jobs, and wait until it has ended')
    .argument('<run>', 'the id of the run; see "sluice list"', parseId)
    .addHelpText('after', '\nExample:\n  $ sluice cancel marketing-and-sales-20250301-120000-1a2b');
  addJson(command).action(async (id: string, { json }: JsonOption) => {
    const { view, noWorker } = await withSession((session) => cancel(session, id));
    if (json) printJson(view);
    else print(renderStatus(view, { color: hasColor() }));
    if (noWorker !== null)
      note(
        `Cancellation of ${id} was asked for, but no worker answers on the task queue ${noWorker}. It is done when one does.`,
      );
    else if (!isEnded(view)) note(`The run is still stopping its jobs. See it with: sluice watch ${id}`);
    else if (view.state !== 'cancelled')
      note(`The run ended as "${view.state}" before it could be cancelled.`);
    const leaked = listSteps(view.steps).filter((step) => step.state === 'leaked');
    for (const { name, job } of leaked)
      note(`The job of "${name}" may still run: ${job?.externalId ?? 'id unknown'} ${job?.url ?? ''}`);
    process.exitCode = view.state === 'cancelled' ? EXIT.ok : EXIT.failed;
  });
}

/** Without a worker nothing stops, however long it is waited for: `noWorker` is then its task queue. */
async function cancel(session: Session, id: string): Promise<{ view: RunView; noWorker: string | null }> {
  const before = await readStatus(session, id, noteOnce);
  if (before.state === 'cancelled') return { view: before, noWorker: null };
  if (isEnded(before)) {
    throw new SluiceError(
      'InvalidInput',
      `The run ${id} has ended (${before.state}), so there is nothing to cancel.`,
    );
  }
  await session.client.workflow.getHandle(id, before.runId).cancel();
  const deadline = Date.now() + WAIT_MS;
  for (;;) {
    let noWorker: string | null = null;
    const view = await readStatus(session, id, (line, taskQueue) => {
      noteOnce(line);
      noWorker = taskQueue ?? noWorker;
    });
    if (isEnded(view)) return { view, noWorker: null };
    if (noWorker !== null || Date.now() > deadline) return { view, noWorker };
    await sleep(500);
  }
}
