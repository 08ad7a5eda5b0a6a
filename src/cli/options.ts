import { readFileSync } from 'node:fs';
import { InvalidArgumentError, type Command } from 'commander';
import { RunnerRegistry } from '../runners';
import { describeExcess, MAX_PAYLOAD_BYTES } from '../contracts/payloadSize';
import type { Config } from '../setup/config';
import { refuseSecrets } from '../setup/findSecrets';
import { SluiceError } from '../errors';
import { parseInput, type Pipeline } from '../pipelines';
import { DURATION_NEEDS, isCalendarDay, parseBoundedDuration, parseDuration } from '../pipelines/duration';

export interface JsonOption {
  json?: true;
}

export interface InputOptions {
  parameter?: Record<string, string>;
  input?: string;
  allowSecrets?: true;
}

export function addJson(command: Command): Command {
  return command.option('--json', 'print JSON');
}

/** `-p` and `--input`, for every command that states a pipeline's input. */
export function addInput(command: Command): Command {
  return command
    .option('-p, --parameter <key=value>', 'one field of the input; may be repeated', collectParameter)
    .option('--input <file>', 'the input as a JSON file, or - for standard input; -p goes over it')
    .option('--allow-secrets', 'take an input that looks as if it held a secret');
}

export function collectParameter(text: string, before: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('Give key=value, for example -p engine=glue.');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

export function parseInteger(text: string): number {
  if (!/^\d{1,5}$/.test(text)) throw new InvalidArgumentError('Give a whole number, for example 100.');
  return Number(text);
}

/** An id of a run or a schedule, as one line of a terminal can hold it. */
export function parseId(text: string): string {
  if (text.trim() !== '' && !/[\p{Cc}\u2028\u2029]/u.test(text)) return text;
  throw new InvalidArgumentError(
    'Give an id that is not empty and has no line feed or other control character.',
  );
}

/** A time: ISO 8601, or how long ago. Gives ISO 8601. */
export function parseSince(text: string, now = Date.now()): string {
  const agoMs = parseDuration(text.replace(/\s+ago$/, ''));
  const timeMs = agoMs !== null ? now - agoMs : isCalendarDay(text.slice(0, 10)) ? Date.parse(text) : NaN;
  const time = new Date(timeMs);
  if (Number.isNaN(time.getTime())) {
    throw new InvalidArgumentError(
      'Give a time such as 2025-03-01T12:00:00Z, or how long ago such as "2 hours".',
    );
  }
  return time.toISOString();
}

/** A duration as it was given. */
export function parseDeadline(text: string): string {
  if (parseBoundedDuration(text) !== null) return text;
  throw new InvalidArgumentError(`Give ${DURATION_NEEDS}.`);
}

/** A duration such as `7 days`, in milliseconds. */
export function parseAgo(text: string): number {
  const durationMs = parseDuration(text);
  if (durationMs !== null) return durationMs;
  throw new InvalidArgumentError('Give a duration such as "7 days".');
}

/**
 * The checked input of a pipeline: `--input`, `-p` over it, and what the settings say for fields that are not given.
 * @param registry the project's runners, which know what their jobs take
 * @throws SluiceError InvalidInput with all problems
 */
export function readInput(
  pipeline: Pipeline,
  options: InputOptions,
  config: Config,
  registry = new RunnerRegistry(),
): Record<string, unknown> {
  const file = options.input === undefined ? {} : readInputFile(options.input);
  const isBareJob = pipeline.name === 'job' && options.input !== undefined && !isJobField(file);
  const base = isBareJob ? { job: file } : file;
  if (typeof base !== 'object' || base === null || Array.isArray(base)) return parseInput(pipeline, base);
  const parameters = Object.entries(options.parameter ?? {}).map(([name, text]) => [
    name,
    parseParameter(pipeline, name, text),
  ]);
  const given: Record<string, unknown> = {
    ...base,
    ...(Object.fromEntries(parameters) as Record<string, unknown>),
  };
  const input = parseInput<Record<string, unknown>>(
    pipeline,
    { ...defaultsOf(pipeline, config), ...given },
    registry.findParameterProblems,
  );
  checkInput(pipeline.name, given, options);
  return input;
}

/** @throws SluiceError InvalidInput for what looks like a secret, TooLarge for what no history holds */
function checkInput(pipeline: string, given: Record<string, unknown>, { allowSecrets }: InputOptions): void {
  if (!allowSecrets) refuseSecrets(pipeline, given);
  const bytes = Buffer.byteLength(JSON.stringify(given));
  if (bytes > MAX_PAYLOAD_BYTES) {
    const cure = 'Write the data to the lake, and give where they are';
    throw new SluiceError('TooLarge', `The input of ${pipeline} has ${describeExcess(bytes)}. ${cure}.`);
  }
}

/**
 * The checked input of a run, with `-p` over what another run was given.
 * @throws SluiceError InvalidInput with all problems, or for what looks like a secret
 */
export function changeInput(
  pipeline: Pipeline,
  before: unknown,
  {
    parameter = {},
    registry,
    ...options
  }: Pick<InputOptions, 'allowSecrets'> & {
    parameter?: Record<string, string> | undefined;
    registry: RunnerRegistry;
  },
): Record<string, unknown> {
  const changed = Object.fromEntries(
    Object.entries(parameter).map(([name, text]) => [name, parseParameter(pipeline, name, text)]),
  );
  // What the run before was given is in a history as it is.
  checkInput(pipeline.name, changed, options);
  const given = { ...(before as Record<string, unknown> | undefined), ...changed };
  return parseInput(pipeline, given, registry.findParameterProblems);
}

/** Whether a file for `job` holds the whole input, as `-p job=` and the API take it, and not the job alone. */
function isJobField(file: unknown): boolean {
  return typeof file === 'object' && file !== null && 'job' in file && !('resource' in file);
}

function defaultsOf(pipeline: Pipeline, config: Config): Record<string, unknown> {
  const defaults: Record<string, unknown> = {};
  if ('lake' in pipeline.input) defaults['lake'] = config.lake;
  else {
    if ('rootPath' in pipeline.input) defaults['rootPath'] = config.lake;
    if ('scripts' in pipeline.input) defaults['scripts'] = `${config.lake}/jobs`;
  }
  return defaults;
}

function parseParameter(pipeline: Pipeline, name: string, text: string): unknown {
  const field = Object.hasOwn(pipeline.input, name) ? pipeline.input[name] : undefined;
  const isNumber = field?.kind === 'number' || field?.kind === 'integer' || field?.kind === 'share';
  if (isNumber && text.trim() !== '' && !Number.isNaN(Number(text))) return Number(text);
  if (field?.kind === 'flag' && /^(true|false)$/.test(text)) return text === 'true';
  const isJson =
    field?.kind === 'job' ||
    field?.kind === 'jobs' ||
    ((field?.kind === 'texts' || field?.kind === 'value') && /^\s*[[{]/.test(text));
  if (!isJson) return text;
  return parseJson(text, `-p ${name}`);
}

function readInputFile(file: string): unknown {
  let text: string;
  try {
    text = decodeText(readFileSync(file === '-' ? 0 : file));
  } catch (cause) {
    const reason =
      (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : (cause as Error).message;
    throw new SluiceError(
      'InvalidInput',
      `--input ${file}: ${reason}; give a JSON file, or - for standard input`,
      { cause },
    );
  }
  return parseJson(text, `--input ${file}`);
}

/** UTF-8, or UTF-16 that says so by its byte order mark, without the mark: Windows writes one. */
function decodeText(bytes: Buffer): string {
  const [first, second] = bytes;
  return new TextDecoder(first === 0xff && second === 0xfe ? 'utf-16le' : 'utf-8').decode(bytes);
}

function parseJson(text: string, from: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new SluiceError('InvalidInput', `${from}: no JSON: ${(cause as Error).message}`, { cause });
  }
}
