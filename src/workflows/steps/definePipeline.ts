import type { Resource } from '../../jobs';
import { type GivenInputOf, type InputOf, type Pipeline, type TypedFields } from '../../pipelines';
import { callingFile } from '../../pipelines/callingFile';
import type { Failure } from '../../contracts/messages';
import type { Run } from './run';
import { runPipeline } from './runPipeline';
import type { RunOptions } from './shared';
import {
  STANDARD_FIELDS,
  type AnyPipeline,
  type PipelineDefinition,
  type StandardFields,
} from './pipelineDefinition';

export interface PipelineOptions<F extends TypedFields, Result> {
  /** What people call it, and the workflow type: letters, digits, `-`, `_` and `.`. */
  name: string;
  /** One line: what a run does. */
  about: string;
  /** Its input by field; each is checked before a run starts. `onFailure`, `onExhausted` and `notify` are there in any case. */
  input?: F;
  /** The usual schedule: a cron string, and how people say it. It runs once `sluice schedule create` was told so. */
  schedule?: { cron: string; about?: string };
  /**
   * The patterns on which it waits, for a checked input. The webhook remembers what arrives for them from the first; a
   * wait on any other pattern works as well, and begins to be remembered with the first run.
   */
  sources?: (input: InputOf<F & StandardFields>) => string[];
  /** The patterns whose objects start a run each, where somebody asks for it (`sluice start --on-arrival`). */
  startedBy?: (input: InputOf<F & StandardFields>) => string[];
  /** What is wrong between fields that are right each by itself, one line each: `field: what; the cure`. */
  findProblems?: (input: InputOf<F & StandardFields>) => string[];
  /** The AWS resources that its jobs use, for `sluice doctor`. */
  resources?: readonly Resource[];
  /** The result of a run whose step failed, when its `onFailure` is `fallback`; without it the result is null. */
  fallback?: (run: Run, input: InputOf<F & StandardFields>, failure: Failure) => Promise<Result>;
}

const MARK = Symbol.for('sluice.pipeline');

/**
 * Defines a pipeline. The type of the body's `input` follows from the fields.
 * @throws TypeError for a name that is none, or a field that every pipeline has
 */
export function definePipeline<const F extends TypedFields = Record<never, never>, Result = unknown>(
  options: PipelineOptions<F, Result>,
  body: (run: Run, input: InputOf<F & StandardFields>) => Promise<Result>,
): PipelineDefinition<F, Result> {
  const { name, about, input = {} as F, schedule, sources, startedBy, findProblems, resources } = options;
  if (!/^[A-Za-z][\w.-]*$/.test(name))
    throw new TypeError(`definePipeline: "${name}" is no name; give letters, digits, "-", "_" and "."`);
  const taken = Object.keys(STANDARD_FIELDS).find((standard) => standard in input);
  if (taken !== undefined)
    throw new TypeError(`${name}: the field ${taken} is there for every pipeline; leave it out`);
  const description: Pipeline = {
    name,
    about,
    input: { ...input, ...STANDARD_FIELDS },
    // A checked input has the types of its fields.
    sources: (sources ?? (() => [])) as Pipeline['sources'],
    ...(startedBy === undefined ? {} : { startedBy: startedBy as NonNullable<Pipeline['startedBy']> }),
    ...(findProblems === undefined
      ? {}
      : { findProblems: findProblems as NonNullable<Pipeline['findProblems']> }),
    ...(resources === undefined ? {} : { resources }),
    schedule: schedule === undefined ? null : { about: schedule.cron, ...schedule },
  };
  const workflow = (given?: GivenInputOf<F & StandardFields>, runOptions?: RunOptions) =>
    runPipeline<InputOf<F & StandardFields>, Result>({
      pipeline: description,
      given,
      options: runOptions,
      body,
      ...(options.fallback === undefined ? {} : { fallback: options.fallback }),
    });
  Object.defineProperty(workflow, 'name', { value: name });
  return Object.assign(workflow, {
    description,
    fields: input,
    file: callingFile(definePipeline),
    [MARK]: true,
  });
}

export function isPipeline(value: unknown): value is AnyPipeline {
  return typeof value === 'function' && (value as { [MARK]?: unknown })[MARK] === true;
}

/**
 * The pipelines among the exports of modules, by name.
 * @throws TypeError when two have one name
 */
export function collectPipelines(modules: readonly object[]): Record<string, AnyPipeline> {
  const found: Record<string, AnyPipeline> = {};
  for (const value of modules.flatMap((module): unknown[] => Object.values(module))) {
    if (!isPipeline(value)) continue;
    const { name } = value.description;
    if (found[name] !== undefined && found[name] !== value)
      throw new TypeError(`Two pipelines are called "${name}"; give one of them another name`);
    found[name] = value;
  }
  return found;
}
