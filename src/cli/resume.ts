import type { Command } from 'commander';
import { resumeSignal } from '../contracts/messages';
import { SluiceError } from '../errors';
import { addJson, parseId, type JsonOption } from './options';
import { note, print, printJson } from './output';
import { isEnded, readStatus, type RunView, type StepView } from './readStatus';
import { withSession } from './session';

export function addResume(program: Command): void {
  const command = program
    .command('resume')
    .description('let the parked steps of a run go on, once the reason has been mended')
    .argument('<run>', 'the id of the run; see "sluice list"', parseId)
    .option('--step <step>', 'only this step')
    .addHelpText('after', '\nExample:\n  $ sluice resume weekly-report --step "load sales"');
  addJson(command).action(async (id: string, { json, step }: JsonOption & { step?: string }) => {
    const resumed = await withSession(async (session) => {
      const parked = findParked(await readStatus(session, id, note), step);
      for (const { run, name } of parked)
        await session.client.workflow.getHandle(run).signal(resumeSignal, name);
      return parked;
    });
    if (json) printJson({ id, resumed });
    else for (const { run, name } of resumed) print(`${name} of ${run} goes on`);
  });
}

/**
 * The parked steps of a run and of its child runs, each with the run that it is in.
 * @throws SluiceError InvalidInput when there is none
 */
export function findParked(view: RunView, step: string | undefined): { run: string; name: string }[] {
  const all = listParked(view.id, view.steps);
  const found = all.filter(({ name }) => step === undefined || name === step);
  if (found.length > 0) return found;
  const what = `No step ${step === undefined ? '' : `"${step}" `}of ${view.id}`;
  const why = isEnded(view)
    ? `the run has ended (${view.state})`
    : `parked are: ${all.map(({ name }) => name).join(', ') || 'none'}`;
  throw new SluiceError('InvalidInput', `${what} is parked; ${why}. See: sluice status ${view.id}`);
}

function listParked(run: string, steps: StepView[]): { run: string; name: string }[] {
  return steps.flatMap((step) => [
    ...(step.state === 'parked' ? [{ run, name: step.name }] : []),
    ...(step.run === null ? [] : listParked(step.run.id, step.steps ?? [])),
  ]);
}
