import { WorkflowFailedError } from '@temporalio/client';
import { Option, type Command } from 'commander';
import type { RunnerRegistry } from '../runners';
import type { Config } from '../setup/config';
import { SluiceError } from '../errors';
import { findPipeline, type Pipeline } from '../pipelines';
import { parseS3Uri } from '../pipelines/location';
import { addTrigger, removeTrigger } from '../arrivals/triggers';
import { EXIT } from './errors';
import { followProblems } from './follow';
import { withInterrupt } from './interrupt';
import {
  addInput,
  addJson,
  parseDeadline,
  parseId,
  parseSince,
  readInput,
  type InputOptions,
  type JsonOption,
} from './options';
import { note, print, printJson } from './output';
import { readProject, type CommandProject } from './project';
import { isSuccess, readStatus } from './readStatus';
import { hasColor, renderEnd } from './render';
import { withSession, type Session } from './session';
import { startRun, type StartedRun } from './startRun';
import { noteOnce } from './watch';

interface StartOptions extends InputOptions, JsonOption {
  id?: string;
  since?: string;
  expectedBy?: string;
  within?: string;
  wait?: true;
  /** A pattern, or true for the pipeline's own. */
  onArrival?: string | true;
  off?: true;
  empty?: 'take';
}

export function addStart(program: Command): void {
  const command = program
    .command('start')
    .description('start a run of a pipeline')
    .argument('<pipeline>', 'its name; see "sluice pipelines"')
    .option('--id <id>', 'the id of the run; refused while a run of this id is running', parseId)
    .option('--since <time>', 'take objects from then on: an ISO time, or how long ago ("2 hours")', (text) =>
      parseSince(text),
    )
    .addOption(
      deadline('--expected-by <duration>', 'how long it is expected to take: a notice when it takes longer'),
    )
    .addOption(deadline('--within <duration>', 'how long it may take: then it is cancelled and fails'))
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
    .addOption(
      new Option(
        '--empty <what>',
        'with --on-arrival: objects without content start runs, too, and not what takes their place',
      ).choices(['take']),
    )
    .addHelpText(
      'after',
      '\nExamples:\n  $ sluice start marketing-and-sales -p within="2 days" --wait\n  $ sluice start job --input job.json\n  $ sluice start job --input job.json --on-arrival "s3://lake/inbox/*.csv"',
    );
  addJson(addInput(command)).action(async (name: string, options: StartOptions) =>
    start(name, options, await readProject(program)),
  );
}

async function start(
  name: string,
  options: StartOptions,
  { pipelines, registry, config }: CommandProject,
): Promise<void> {
  // The pipeline may be gone from the project by now.
  if (typeof options.onArrival === 'string' && options.off)
    return endOnArrival(name, [options.onArrival], options);
  const pipeline = findPipeline(name, pipelines);
  if (options.onArrival !== undefined)
    return startOnArrival({ pipeline, registry, config, given: options.onArrival, options });
  if (options.empty)
    throw new SluiceError('WrongUsage', '--empty goes with --on-arrival; a wait of a pipeline has its own');
  if (options.off)
    throw new SluiceError('WrongUsage', '--off goes with --on-arrival; to end a run: sluice cancel');
  const input = readInput(pipeline, options, config, registry);
  const { id, since, expectedBy, within } = options;
  await withSession(async (session) => {
    const started = await startRun(session, { pipeline, input, id, since, expectedBy, within });
    if (!options.json) print(started.url === null ? started.id : `${started.id}\n${started.url}`);
    else if (!options.wait) printJson(started);
    if (options.wait) await waitForEnd(session, started, options);
  }, config);
}

function deadline(flags: string, description: string): Option {
  return new Option(flags, description).conflicts('onArrival').argParser(parseDeadline);
}

interface StartOnArrival {
  pipeline: Pipeline;
  registry: RunnerRegistry;
  config: Config;
  given: string | true;
  options: StartOptions;
}

async function startOnArrival({ pipeline, registry, config, given, options }: StartOnArrival): Promise<void> {
  if (given === true && !pipeline.startedBy) {
    const cure = `Say which: --on-arrival "s3://lake/inbox/*.csv"`;
    throw new SluiceError('WrongUsage', `${pipeline.name} has no objects of its own that start it. ${cure}`);
  }
  const input = readInput(pipeline, options, config, registry);
  const patterns = given === true ? pipeline.startedBy!(input) : [given];
  if (options.off) return endOnArrival(pipeline.name, patterns, options);
  for (const pattern of patterns) await checkBucketOf(pattern);
  const since = options.since ?? new Date().toISOString();
  await withSession(async ({ client }) => {
    for (const pattern of patterns) {
      const trigger = { pipeline: pipeline.name, input, pattern, since };
      // The input has been looked at, or was allowed.
      const allowed = { allowSecrets: true };
      await addTrigger(
        client,
        config,
        options.empty ? { ...trigger, empty: options.empty } : trigger,
        allowed,
      );
    }
  }, config);
  if (options.json) printJson({ pipeline: pipeline.name, patterns, since });
  else for (const pattern of patterns) print(`${pipeline.name}: started by each ${pattern}`);
}

async function endOnArrival(pipeline: string, patterns: string[], { json }: JsonOption): Promise<void> {
  const ended: string[] = [];
  await withSession(async ({ client }) => {
    for (const pattern of patterns)
      if (await removeTrigger(client, { pipeline, pattern })) ended.push(pattern);
  });
  if (json) return printJson({ pipeline, patterns, off: true, ended });
  for (const pattern of patterns)
    print(
      `${pipeline}: ${ended.includes(pattern) ? 'no longer started by' : 'was not started by'} ${pattern}`,
    );
}

const BUCKET_TIMEOUT_MS = 5_000;

/**
 * Refuses a pattern in a bucket that is not there. The command line may have no access to S3, and the worker has: whatever
 * else is wrong is left to it.
 */
async function checkBucketOf(pattern: string): Promise<void> {
  const bucket = parseS3Uri(pattern)?.bucket;
  if (bucket === undefined) return;
  // Most starts do without S3.
  const { connectS3 } = await import('../setup/connectS3.js');
  const { checkBucket } = await import('../lake/lakeFiles.js');
  const s3 = connectS3();
  try {
    await checkBucket(s3, bucket, AbortSignal.timeout(BUCKET_TIMEOUT_MS));
  } catch (error) {
    if (error instanceof SluiceError && error.code === 'InvalidInput') throw error;
  } finally {
    s3.destroy();
  }
}

export async function waitForEnd(session: Session, started: StartedRun, { json }: JsonOption): Promise<void> {
  if (!(await withInterrupt((signal) => untilEnded(session, started, signal)))) {
    note(`The run goes on. See it with: sluice watch ${started.id}`);
    if (json) printJson({ ...started, state: 'running' });
    process.exitCode = EXIT.interrupted;
    return;
  }
  const view = await readStatus(session, started.id, noteOnce);
  if (json)
    printJson({
      ...started,
      state: view.state,
      ...(isSuccess(view) ? { result: view.result } : { failure: view.failure }),
      measures: view.measures,
      steps: view.steps,
    });
  else print(renderEnd(view, { color: hasColor() }));
  process.exitCode = isSuccess(view) ? EXIT.ok : EXIT.failed;
}

/** Whether the run has ended; not when the signal came first. What keeps it from going on is told meanwhile. */
async function untilEnded(
  session: Session,
  { id, runId }: StartedRun,
  signal: AbortSignal,
): Promise<boolean> {
  const { client } = session;
  const over = new AbortController();
  const report = (line: string) => over.signal.aborted || noteOnce(line);
  const read = () => readStatus(session, id, report);
  // A look that is under way at the end is not waited for.
  void followProblems({ read, write: note, signal: over.signal });
  try {
    await client.withAbortSignal(signal, () => client.workflow.getHandle(id, runId).result());
    return true;
  } catch (error) {
    if (error instanceof WorkflowFailedError) return true;
    if (signal.aborted) return false;
    throw error;
  } finally {
    over.abort();
  }
}
