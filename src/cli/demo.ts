import { access, mkdir, mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { S3Client } from '@aws-sdk/client-s3';
import type { Command } from 'commander';
import { readConfig } from '../setup/config';
import { connectS3 } from '../setup/connectS3';
import { SluiceError } from '../errors';
import { cacheFolder, checkPorts, choosePorts, probeTools, startStack, type Stack } from '../local';
import { formatDuration } from '../pipelines/duration';
import { main } from '../workflows/main';
import { marketingAndSales } from '../workflows/marketingAndSales';
import { EXIT } from './errors';
import { followRun } from './follow';
import { untilAborted, withInterrupt } from './interrupt';
import { folderOf, readHead, uploadFile } from './lake';
import { addJson, readInput, type JsonOption } from './options';
import { note, print, printJson } from './output';
import { isEnded, isSuccess, readStatus, type RunView } from './readStatus';
import { withSession, type Session } from './session';
import { addStackOptions, type StackCommandOptions } from './stackOptions';
import { startRun, type StartedRun } from './startRun';
import { noteOnce } from './watch';

interface DemoOptions extends StackCommandOptions, JsonOption {
  data?: string;
  keep?: true;
}

/** What `--data` holds: laid out as the generated samples are. */
const SALES = 'marketing-and-sales/sales.csv';
const MARKETING = 'marketing-and-sales/marketing.csv';
const TAXI = 'taxi/tripdata.csv';

const HEAD_LINES = 10;
const SAMPLE_SEED = 1;

export function addDemo(program: Command): void {
  const command = program
    .command('demo')
    .description('run the main job from start to end on sample data, against a local stack of its own')
    .option('--data <dir>', `take the input from this folder: ${SALES}, ${MARKETING}, ${TAXI}`)
    .option('--keep', 'keep data folder and stack until Ctrl-C')
    .addHelpText('after', '\nExample:\n  $ sluice demo --no-spark --keep');
  addJson(addStackOptions(command)).action((options: DemoOptions) =>
    withInterrupt((signal) => demo(options, signal)),
  );
}

interface Demo {
  options: DemoOptions;
  spark: boolean;
  signal: AbortSignal;
  /** For people: on standard error when standard output has JSON. */
  say: (text: string) => void;
}

async function demo(options: DemoOptions, signal: AbortSignal): Promise<void> {
  const began = Date.now();
  const say = options.json ? note : print;
  const spark = await decideOnSpark(options, say);
  if (options.data !== undefined) await checkData(options.data, spark);
  const dir = options.dir ?? (await createFolder());
  let stack: Stack | undefined;
  try {
    const data = options.data ?? (await createSamples(dir, say));
    stack = await startStack({
      dir,
      spark,
      ports: options.ports,
      portOffset: options.portOffset ?? (await findOffset(options)),
      report: note,
      signal,
    });
    // This process is a client of its own stack, and the clients read their settings from the environment.
    Object.assign(process.env, stack.info.env);
    const run = showRun({ options, spark, signal, say }, { stack, data, began });
    const crash = stack.crashed.then((error) => Promise.reject(error));
    // Whichever comes first decides; what the others say while all is ended is of no interest.
    for (const other of [run, crash]) other.catch(() => {});
    await Promise.race([run, crash, untilAborted(signal)]);
    if (options.keep && !signal.aborted) {
      say(`The stack goes on: Web UI ${stack.info.ui.url}, data ${dir}. Ctrl-C ends it.`);
      await Promise.race([crash, untilAborted(signal)]);
    } else if (signal.aborted) process.exitCode = EXIT.interrupted;
  } catch (error) {
    if (!signal.aborted) throw error;
    process.exitCode = EXIT.interrupted;
  } finally {
    await stack?.stop();
    if (!options.keep && options.dir === undefined)
      await rm(dir, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function decideOnSpark(options: DemoOptions, say: (text: string) => void): Promise<boolean> {
  if (!options.spark) return false;
  const { spark, missingForSpark } = await probeTools({ env: process.env });
  if (!spark)
    say(
      `Spark cannot run here (missing: ${missingForSpark.join(', ')}), so the demo runs marketing-and-sales alone.`,
    );
  return spark;
}

async function checkData(data: string, spark: boolean): Promise<void> {
  const files = [SALES, MARKETING, ...(spark ? [TAXI] : [])].map((name) => path.join(data, name));
  const missing: string[] = [];
  for (const file of files) await access(file).catch(() => missing.push(file));
  if (missing.length === 0) return;
  const cure = 'Give a folder that holds them, or leave --data away for generated samples.';
  throw new SluiceError('InvalidInput', `--data ${data}: missing ${missing.join(', ')}. ${cure}`);
}

async function createFolder(): Promise<string> {
  await mkdir(cacheFolder(process.env), { recursive: true });
  return mkdtemp(path.join(cacheFolder(process.env), 'demo-'));
}

async function createSamples(dir: string, say: (text: string) => void): Promise<string> {
  const { generateSamples } = await import('../../samples/generate.js');
  const folder = path.join(dir, 'samples');
  await mkdir(folder, { recursive: true });
  await generateSamples(folder, { seed: SAMPLE_SEED });
  say(`Generated samples in ${folder}`);
  return folder;
}

/** The first offset whose ports are all free, so that the demo runs beside `sluice dev`. */
async function findOffset({ ports }: DemoOptions): Promise<number> {
  for (let offset = 0; offset <= 2000; offset += 100) {
    const isFree = await checkPorts(choosePorts(offset, ports)).then(
      () => true,
      () => false,
    );
    if (isFree) return offset;
  }
  return 0;
}

interface Ready {
  stack: Stack;
  data: string;
  /** Milliseconds. */
  began: number;
}

async function showRun(demo: Demo, { stack, data, began }: Ready): Promise<void> {
  const { options, spark, say } = demo;
  const { info } = stack;
  const config = readConfig();
  const s3 = connectS3();
  const upload = async (file: string, key: string) => {
    await uploadFile(s3, path.join(data, file), `${info.lake}/${key}`);
    say(`Uploaded ${info.lake}/${key}`);
  };
  try {
    await withSession(async (session) => {
      if (spark) await upload(TAXI, 'emr-step-functions/input/tripdata.csv');
      const pipeline = (spark ? main : marketingAndSales).description;
      const run = await startRun(session, { pipeline, input: readInput(pipeline, {}, config) });
      say(`Started ${run.id}\n${run.url ?? ''}`);
      await untilWaiting(session, run, demo);
      await upload(SALES, 'sales/sales.csv');
      await upload(MARKETING, 'marketing/marketing.csv');
      const view = await followRun({
        read: () => readStatus(session, run.id, noteOnce),
        mode: !options.json && process.stdout.isTTY ? 'terminal' : 'lines',
        write: say,
        signal: demo.signal,
      });
      if (isEnded(view)) await showOutcome({ s3, view, demo, ready: { stack, data, began } });
    }, config);
  } finally {
    s3.destroy();
  }
}

/** Both files are uploaded only once the run waits for them: that is what the demo shows. */
async function untilWaiting(session: Session, run: StartedRun, { say, signal }: Demo): Promise<void> {
  for (;;) {
    const view = await readStatus(session, run.id, noteOnce);
    if (view.waitingFor.length >= 2) return say(`The run waits for ${view.waitingFor.join(' and ')}`);
    if (isEnded(view) || signal.aborted) return;
    await sleep(250);
  }
}

interface Outcome {
  s3: S3Client;
  view: RunView;
  demo: Demo;
  ready: Ready;
}

async function showOutcome({
  s3,
  view,
  demo: { options, say },
  ready: { stack, began },
}: Outcome): Promise<void> {
  const outputs = listOutputs(view).map((output) => ({
    ...output,
    folder: folderOf(output.uri, stack.info.dir),
  }));
  for (const { title, uri, folder } of outputs) {
    say(`\n${title}: ${uri}\n  in the folder ${folder}`);
    for (const line of await readHead(s3, uri, HEAD_LINES)) say(`  ${line}`);
  }
  const seconds = (Date.now() - began) / 1000;
  const isKept = options.keep || options.dir !== undefined;
  say(`\nRun ${view.id}: ${view.state}${view.url ? `\n${view.url}` : ''}`);
  say(
    `The demo took ${formatDuration(seconds * 1000)}.${isKept ? '' : ' Its folder is removed now; keep it with --keep or --dir DIR.'}`,
  );
  const { id, runId, url, state, failure } = view;
  if (options.json) printJson({ id, runId, url, state, failure, outputs, seconds });
  process.exitCode = isSuccess(view) ? EXIT.ok : EXIT.failed;
}

type ResultOf<P extends (...args: never[]) => Promise<unknown>> = NonNullable<Awaited<ReturnType<P>>>;

function listOutputs(view: RunView): { title: string; uri: string }[] {
  if (!isSuccess(view) || view.result === null) return [];
  const isMain = view.pipeline === main.description.name;
  const result = view.result as ResultOf<typeof main>;
  const report = isMain ? result.marketingAndSales : (view.result as ResultOf<typeof marketingAndSales>);
  const rateCodes = isMain ? result.rateCodes : null;
  return [
    ...(report ? [{ title: 'Joined report', uri: report.output }] : []),
    ...(rateCodes ? [{ title: 'Rate codes', uri: rateCodes.output }] : []),
  ];
}
