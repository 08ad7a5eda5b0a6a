import { WorkflowFailedError } from '@temporalio/client';
import { Option, type Command } from 'commander';
import { readConfig } from '../config';
import { SluiceError } from '../errors';
import { findPipeline, type Pipeline } from '../pipelines';
import { addTrigger, removeTrigger } from '../triggers';
import { EXIT } from './errors';
import { withInterrupt } from './interrupt';
import { addInput, addJson, parseSince, readInput, type InputOptions, type JsonOption } from './options';
import { note, print, printJson } from './output';
import { isSuccess, readStatus } from './readStatus';
import { hasColor, renderStatus } from './render';
import { withSession, type Session } from './session';
import { startRun, type StartedRun } from './startRun';

interface StartOptions extends InputOptions, JsonOption {
  id?: string;
  since?: string;
  wait?: true;
  /** A pattern, or true for the pipeline's own. */
  onArrival?: string | true;
  off?: true;
}

export function addStart(program: Command): void {
  const command = program
    .command('start')
    .description('start a run of a pipeline')
    .argument('<pipeline>', 'its name; see "sluice pipelines"')
    .option('--id <id>', 'the id of the run; refused while a run of this id is running')
    .option('--since <time>', 'take objects from then on: an ISO time, or how long ago ("2 hours")', (text) =>
      parseSince(text),
    )
    .addOption(
      new Option('--wait', 'wait until the run ends; exit code 1 when it fails').conflicts('onArrival'),
    )
    .addOption(
      new Option(
        '--on-arrival [pattern]',
        "start no run now, but one for each object that arrives and fits the pattern (default: the pipeline's own, if it has one)",
      ).conflicts('id'),
    )
    .option('--off', 'with --on-arrival: no longer')
    .addHelpText(
      'after',
      '\nExamples:\n  $ sluice start marketing-and-sales -p within="2 days" --wait\n  $ sluice start job --input job.json\n  $ sluice start job --input job.json --on-arrival "s3://lake/inbox/*.csv"',
    );
  addJson(addInput(command)).action((name: string, options: StartOptions) => start(name, options));
}

async function start(name: string, options: StartOptions): Promise<void> {
  const config = readConfig();
  const pipeline = findPipeline(name);
  if (options.onArrival !== undefined) return startOnArrival(pipeline, options.onArrival, options);
  if (options.off)
    throw new SluiceError('WrongUsage', '--off goes with --on-arrival; to end a run: sluice cancel');
  const input = readInput(pipeline, options, config);
  const { id, since } = options;
  await withSession(async (session) => {
    const started = await startRun(session, { pipeline, input, id, since });
    if (!options.json) print(started.url === null ? started.id : `${started.id}\n${started.url}`);
    else if (!options.wait) printJson(started);
    if (options.wait) await waitForEnd(session, started, options);
  }, config);
}

async function startOnArrival(
  pipeline: Pipeline,
  given: string | true,
  options: StartOptions,
): Promise<void> {
  const config = readConfig();
  // To end it, no input is needed but what the pattern is made of.
  const input = options.off && given !== true ? {} : readInput(pipeline, options, config);
  const patterns = given === true ? (pipeline.startedBy?.(input) ?? []) : [given];
  if (patterns.length === 0) {
    const cure = `Say which: --on-arrival "s3://lake/inbox/*.csv"`;
    throw new SluiceError('WrongUsage', `${pipeline.name} has no objects of its own that start it. ${cure}`);
  }
  const since = options.since ?? new Date().toISOString();
  await withSession(async ({ client }) => {
    for (const pattern of patterns) {
      const trigger = { pipeline: pipeline.name, input, pattern, since };
      if (options.off) await removeTrigger(client, trigger);
      else await addTrigger(client, config, trigger);
    }
  }, config);
  if (options.json)
    printJson({ pipeline: pipeline.name, patterns, ...(options.off ? { off: true } : { since }) });
  else
    for (const pattern of patterns)
      print(`${pipeline.name}: ${options.off ? 'no longer started by' : 'started by each'} ${pattern}`);
}

async function waitForEnd(session: Session, started: StartedRun, { json }: JsonOption): Promise<void> {
  if (!(await withInterrupt((signal) => untilEnded(session, started, signal)))) {
    note(`The run goes on. See it with: sluice watch ${started.id}`);
    if (json) printJson({ ...started, state: 'running' });
    process.exitCode = EXIT.interrupted;
    return;
  }
  const view = await readStatus(session, started.id, note);
  if (json)
    printJson({
      ...started,
      state: view.state,
      ...(isSuccess(view) ? { result: view.result } : { failure: view.failure }),
    });
  else print(renderStatus(view, { color: hasColor() }));
  process.exitCode = isSuccess(view) ? EXIT.ok : EXIT.failed;
}

/** Whether the run has ended; not when the signal came first. */
async function untilEnded(
  { client }: Session,
  { id, runId }: StartedRun,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await client.withAbortSignal(signal, () => client.workflow.getHandle(id, runId).result());
    return true;
  } catch (error) {
    if (error instanceof WorkflowFailedError) return true;
    if (signal.aborted) return false;
    throw error;
  }
}
