import { Option, type Command } from 'commander';
import { SluiceError } from '../errors';
import { findPipeline, type Pipeline } from '../pipelines';
import { formatDuration } from '../pipelines/duration';
import type { RunState } from '../contracts/messages';
import { addJson, type JsonOption } from './options';
import { fitTable, formatTable, formatTime, note, print, printJson } from './output';
import { readProject } from './project';
import { pipelineOf, stateFromServer } from './readStatus';
import { findMissingSearchAttributes } from '../setup/registerSearchAttributes';
import { listTriggers } from '../arrivals/triggers';
import { runUrl, withSession, type Session } from './session';

interface ListOptions extends JsonOption {
  pipeline?: string;
  state?: RunState;
  triggers?: true;
}

/** The server sorts by its own rule (open runs first), so more are read than shown. */
const READ = 1000;
const SHOWN = 100;

const EXECUTION_STATUS: Record<RunState, string> = {
  running: 'Running',
  completed: 'Completed',
  'completed with fallback': 'Completed',
  failed: 'Failed',
  cancelled: 'Canceled',
  terminated: 'Terminated',
  'timed out': 'TimedOut',
};

export function addList(program: Command): void {
  const command = program
    .command('list')
    .description(`list runs, newest first, at most ${SHOWN}`)
    .option('--pipeline <name>', 'only runs of this pipeline')
    .addOption(
      new Option('--state <state>', 'only runs in this state').choices(Object.keys(EXECUTION_STATUS)),
    )
    .option('--triggers', 'not runs, but what starts them when objects arrive')
    .addHelpText('after', '\nExample:\n  $ sluice list --pipeline marketing-and-sales --state running');
  addJson(command).action(async (options: ListOptions) => {
    if (options.triggers) return printTriggers(options);
    const { pipelines } = await readProject(program);
    const { pipeline, state } = options;
    const runs = await withSession((session) => listRuns(session, { pipelines, pipeline, state }));
    if (options.json) return printJson(runs);
    if (runs.length === 0) return print('There are no such runs. Start one with: sluice start PIPELINE');
    const rows = runs.map((run) => [
      run.id,
      run.pipeline,
      run.state,
      run.step ?? '',
      formatTime(run.startedAt),
      tookOf(run),
    ]);
    const head = ['RUN', 'PIPELINE', 'STATE', 'STEP', 'STARTED', 'TOOK'];
    const shortened = [head.indexOf('RUN'), head.indexOf('STEP')];
    print(formatTable(head, fitTable(head, rows, shortened)));
  });
}

async function printTriggers({ pipeline, json }: ListOptions): Promise<void> {
  const all = await withSession(({ client }) =>
    listTriggers(client, (workflowId, error) =>
      note(`${workflowId} does not answer, so its triggers are not shown: ${(error as Error).message}`),
    ),
  );
  const triggers = all.filter((trigger) => pipeline === undefined || trigger.pipeline === pipeline);
  if (json) return printJson(triggers);
  if (triggers.length === 0)
    return print('No arrival starts a run. Have one do so with: sluice start PIPELINE --on-arrival PATTERN');
  const rows = triggers.map(({ pipeline: started, pattern, since }) => [started, pattern, formatTime(since)]);
  const head = ['PIPELINE', 'STARTED BY EACH', 'SINCE'];
  print(formatTable(head, fitTable(head, rows, [head.indexOf('STARTED BY EACH')])));
  const setAside = triggers.flatMap((trigger) =>
    trigger.setAside.map(({ uri, attempts, nextAt, code, message }) => [
      uri,
      String(attempts),
      formatTime(nextAt),
      `${code}: ${message}`,
    ]),
  );
  if (setAside.length === 0) return;
  print('\nThese objects could not start their runs, and are tried again:');
  print(formatTable(['OBJECT', 'ATTEMPTS', 'NEXT', 'REASON'], setAside));
}

interface ListedRun {
  id: string;
  runId: string;
  pipeline: string;
  state: RunState;
  /** The step that runs, waits or failed. */
  step: string | null;
  waitingFor: string[];
  startedAt: string;
  endedAt: string | null;
  url: string | null;
}

interface Wanted {
  /** Those of the project. */
  pipelines: readonly Pipeline[];
  pipeline: string | undefined;
  state: RunState | undefined;
}

/** @throws SluiceError UnknownPipeline when there is neither a pipeline nor a run of that name */
async function listRuns(session: Session, { pipelines, pipeline, state }: Wanted): Promise<ListedRun[]> {
  const { client } = session;
  const needsAttributes = pipeline === undefined || state === 'completed with fallback';
  const hasAttributes = needsAttributes && (await haveAttributes(session));
  if (state === 'completed with fallback' && !hasAttributes) {
    const cure =
      'Only search attributes tell it from "completed"; see "sluice doctor" for how to register them.';
    throw new SluiceError('InvalidInput', `--state "${state}" cannot be listed on this server. ${cure}`);
  }
  // The server's own status rather than SluiceState: a run that was terminated could not write its state.
  const conditions = [
    pipeline === undefined ? ofAnyPipeline(pipelines, hasAttributes) : ofPipeline(pipeline),
  ];
  if (state !== undefined) conditions.push(`ExecutionStatus = '${EXECUTION_STATUS[state]}'`);
  if (state === 'completed with fallback') conditions.push(`SluiceState = '${state}'`);
  const runs: ListedRun[] = [];
  for await (const run of client.workflow.list({ query: conditions.join(' AND '), pageSize: 200 })) {
    const attribute = (name: string) =>
      (run.searchAttributes as Record<string, unknown[] | undefined>)[name] ?? [];
    const listed: ListedRun = {
      id: run.workflowId,
      runId: run.runId,
      pipeline: pipelineOf(run),
      state: stateFromServer(run.status.name, attribute('SluiceState')[0]),
      step: (attribute('SluiceStep')[0] as string | undefined) || null,
      waitingFor: run.status.name === 'RUNNING' ? (attribute('SluiceWaitingFor') as string[]) : [],
      startedAt: run.startTime.toISOString(),
      endedAt: run.closeTime?.toISOString() ?? null,
      url: runUrl(session, run.workflowId, run.runId),
    };
    if (state === undefined || listed.state === state) runs.push(listed);
    if (runs.length >= READ) break;
  }
  if (pipeline !== undefined && runs.length === 0 && !pipelines.some(({ name }) => name === pipeline)) {
    const { count } = await client.workflow.count(ofPipeline(pipeline));
    if (count === 0) findPipeline(pipeline, pipelines);
  }
  return runs.sort((a, b) => b.startedAt.localeCompare(a.startedAt)).slice(0, SHOWN);
}

function ofPipeline(name: string): string {
  return `WorkflowType = '${name.replace(/[\\']/g, '\\$&')}'`;
}

/**
 * The project's pipelines are known by name, also before a worker has taken up the run; others by what their runs write.
 * A batch of `mapJobs` writes it, too, and belongs to the run that started it.
 */
function ofAnyPipeline(pipelines: readonly Pipeline[], hasAttributes: boolean): string {
  const known = `WorkflowType IN (${pipelines.map(({ name }) => `'${name}'`).join(', ')})`;
  return hasAttributes ? `(${known} OR (SluicePipeline IS NOT NULL AND WorkflowType != 'jobs'))` : known;
}

/** Not where the server does not say, such as one without the right to ask it. */
async function haveAttributes({ client }: Session): Promise<boolean> {
  try {
    return (await findMissingSearchAttributes(client.connection, client.options.namespace)).length === 0;
  } catch {
    return false;
  }
}

function tookOf({ startedAt, endedAt }: ListedRun): string {
  return formatDuration(Math.max(0, (endedAt ? Date.parse(endedAt) : Date.now()) - Date.parse(startedAt)));
}
