import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { createRunners } from '../activities';
import {
  findRetried,
  planRetry,
  startRetry,
  type PlannedStep,
  type RetryChoice,
} from '../activities/earlier';
import { SluiceError } from '../errors';
import { findPipeline } from '../pipelines';
import { connectS3 } from '../setup/connectS3';
import { addJson, changeInput, collectParameter, parseDeadline, parseId, type JsonOption } from './options';
import { formatTable, note, print, printJson, visibleLine } from './output';
import { readProject, type CommandProject } from './project';
import { pipelineOf, readEnd, type RunView } from './readStatus';
import { formatFailure } from './render';
import { runUrl, withSession, type Session } from './session';
import { waitForEnd } from './start';

interface RetryOptions extends JsonOption {
  from?: string[];
  redo?: string[];
  parameter?: Record<string, string>;
  expectedBy?: string;
  within?: string;
  allowSecrets?: true;
  yes?: true;
  wait?: true;
}

type RetriedView = Pick<RunView, 'id' | 'runId' | 'state' | 'failure'>;

const collect = (text: string, before: string[] = []) => [...before, text];

export function addRetry(program: Command): void {
  const command = program
    .command('retry')
    .description('go on with a run that has ended: keep what succeeded, do the rest')
    .argument('<run>', 'the id of the run; see "sluice list"', parseId)
    .option('--from <step>', 'do this step anew, and all that comes after it; may be repeated', collect)
    .option('--redo <step>', 'do this step anew, alone; may be repeated', collect)
    .option(
      '-p, --parameter <key=value>',
      'one field of the input that is to change; may be repeated',
      collectParameter,
    )
    .option(
      '--expected-by <duration>',
      'how long it is expected to take, where that is to change',
      parseDeadline,
    )
    .option(
      '--within <duration>',
      'how long it may take, from its own start, where that is to change',
      parseDeadline,
    )
    .option('--allow-secrets', 'take a changed input that looks as if it held a secret')
    .option('--yes', 'start it without asking; without it, --json prints the plan and starts nothing')
    .option('--wait', 'wait until the run ends; exit code 1 when it fails')
    .addHelpText(
      'after',
      '\nExamples:\n  $ sluice retry marketing-and-sales-20250301-120000-1a2b\n  $ sluice retry weekly --from "process sales data" --yes --wait',
    );
  addJson(command).action(async (id: string, options: RetryOptions) =>
    retry(id, options, await readProject(program)),
  );
}

async function retry(id: string, options: RetryOptions, project: CommandProject): Promise<void> {
  const { from = [], redo = [], json, yes } = options;
  await withSession(async (session) => {
    const { client, config } = session;
    const { description, root, nextId } = await findRetried(client, id);
    const view = await readEnd(session, description);
    checkState(view, options);
    const pipeline = findPipeline(pipelineOf(description), project.pipelines);
    const { history, steps } = await plan(session, project, view, { from, redo });
    const { registry } = project;
    const { parameter, allowSecrets } = options;
    const input = changeInput(pipeline, history.input, {
      ...{ parameter, registry },
      ...(allowSecrets && { allowSecrets }),
    });
    const planned = { retryOf: { id: view.id, runId: view.runId, state: view.state }, steps };
    if (!json) print(renderPlan(view, steps, options.parameter !== undefined));
    if (!yes && !(await isConfirmed(json === true))) {
      if (json) printJson({ id: null, runId: null, url: null, plan: planned });
      return;
    }
    const handle = await startRetry(client, {
      ...{ history, root, nextId, input, from, redo },
      ...(options.expectedBy && { expectedBy: options.expectedBy }),
      ...(options.within && { within: options.within }),
      taskQueue: config.taskQueue,
    });
    const runId = handle.firstExecutionRunId;
    const started = { id: nextId, runId, url: runUrl(session, nextId, runId) };
    if (!json) print(started.url === null ? nextId : `${nextId}\n${started.url}`);
    else if (!options.wait) printJson({ ...started, plan: planned });
    if (options.wait) await waitForEnd(session, started, options);
  }, project.config);
}

/** @throws SluiceError InvalidInput for a run that has not failed, unless it is said what is to be done anew */
function checkState({ id, state }: RetriedView, { from = [], redo = [], parameter }: RetryOptions): void {
  if (state === 'running')
    throw new SluiceError(
      'InvalidInput',
      `The run ${id} has not ended. End it first with: sluice cancel ${id}`,
    );
  if (state !== 'completed' || from.length + redo.length > 0 || parameter !== undefined) return;
  throw new SluiceError(
    'InvalidInput',
    `The run ${id} is completed, so there is nothing to go on with. Say what is to be done anew: --from STEP`,
  );
}

async function plan(
  session: Session,
  { project, config }: CommandProject,
  run: RetriedView,
  choice: RetryChoice,
) {
  const { jobsFolders, runners: own, tasks, glueJobs, crawlers } = project;
  const s3 = connectS3();
  try {
    const runners = createRunners({ config, s3, jobsFolders, runners: own, tasks, glueJobs, crawlers });
    return await planRetry({ client: session.client, s3, runners }, run, choice);
  } finally {
    s3.destroy();
  }
}

/** Whether the person at the terminal says yes; where there is none, nothing is started. */
async function isConfirmed(json: boolean): Promise<boolean> {
  if (json) return false;
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    note('Nothing was started. Start it with: --yes');
    return false;
  }
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(es)?$/i.test((await terminal.question('Start it? [y/N] ')).trim());
  } finally {
    terminal.close();
  }
}

/** How many steps of one kind a fan-out shows. */
const SHOWN_ALIKE = 5;

/** The plan as a table: what becomes of each step, and why. */
export function renderPlan(view: RetriedView, steps: PlannedStep[], isInputChanged: boolean): string {
  const failure =
    view.failure === null ? '' : `  ${visibleLine(formatFailure(view.failure, true).split('\n')[0]!)}`;
  const rows = steps.length === 0 ? [['(all of it)', 'redo', 'no step had begun']] : rowsOf(steps, []);
  return [
    `retry of ${view.id}  ${view.state}${failure}`,
    formatTable(['STEP', 'WHAT', 'WHY'], rows),
    ...(isInputChanged
      ? ['A step whose job is another with the changed input is done anew, and what comes after it.']
      : []),
  ].join('\n');
}

function rowsOf(steps: PlannedStep[], above: string[]): string[][] {
  const alike = new Map<string, number>();
  const rows: string[][] = [];
  for (const { step, within, action, reason, steps: inner = [] } of steps) {
    const place = [...above, ...within];
    const kind = JSON.stringify([place, action]);
    const count = (alike.get(kind) ?? 0) + 1;
    alike.set(kind, count);
    if (count > SHOWN_ALIKE && inner.length === 0) continue;
    rows.push([[...place, step].join(' / '), action, reason.replace(/\s+/g, ' ').slice(0, 200)]);
    rows.push(...rowsOf(inner, [...above, step]));
  }
  for (const [kind, count] of alike) {
    const [place, action] = JSON.parse(kind) as [string[], string];
    const more = count - SHOWN_ALIKE;
    if (more > 0) rows.push([[...place, `… and ${more} more`].join(' / '), action, 'all of them: --json']);
  }
  return rows;
}
