import path from 'node:path';
import type { AnyRunnerDefinition } from '../runners';
import type { AnyTask } from '../tasks/defineTask';
import { findNearest } from '../pipelines/nearest';
import { isPipeline } from '../workflows/steps';
import { isDefinedConfig, type DefinedConfig, type ProjectConfig } from './defineConfig';

type Check = (value: unknown, field: string) => string[];

const isText = (value: unknown): value is string => typeof value === 'string' && value.trim() !== '';
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A value of the config as a message shows it. */
export function showValue(value: unknown): string {
  if (typeof value === 'function') return `the function ${value.name || 'without a name'}`;
  if (value instanceof RegExp) return String(value);
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

/** A text, or a list whose members each are a text or what `isMember` says. */
function listOf(isMember: (value: unknown) => boolean, cure: string): Check {
  const isRight = (value: unknown) => isText(value) || isMember(value);
  return (value, field) => {
    if (isText(value)) return [];
    if (!Array.isArray(value)) return [`${field}: ${showValue(value)} is no list; ${cure}`];
    return value.flatMap((member, i) =>
      isRight(member) ? [] : [`${field}[${i}]: ${showValue(member)} is wrong; ${cure}`],
    );
  };
}

function recordOf(checkMember: Check, cure: string): Check {
  return (value, field) =>
    isRecord(value)
      ? Object.entries(value).flatMap(([name, member]) => checkMember(member, `${field}["${name}"]`))
      : [`${field}: ${showValue(value)} is wrong; ${cure}`];
}

const GLUE_JOB_CURE = 'give { script: "…" }, a path below a folder of jobs';
const CRAWLER_CURE = 'give { database: "…", targets: ["…"] }, the targets being folders below the lake';

const checkGlueJob: Check = (value, field) =>
  isRecord(value) && isText(value['script'])
    ? []
    : [`${field}: ${showValue(value)} is wrong; ${GLUE_JOB_CURE}`];

const checkCrawler: Check = (value, field) => {
  const isTarget = (target: unknown) => isText(target) || (isRecord(target) && isText(target['path']));
  const isRight =
    isRecord(value) &&
    isText(value['database']) &&
    Array.isArray(value['targets']) &&
    value['targets'].length > 0 &&
    value['targets'].every(isTarget);
  return isRight ? [] : [`${field}: ${showValue(value)} is wrong; ${CRAWLER_CURE}`];
};

const checkService: Check = (value, field) => {
  if (!isRecord(value))
    return [`${field}: ${showValue(value)} is wrong; give { name, command, port?, ready?, env? }`];
  const { name, command, port, ready, env } = value;
  const problems: string[] = [];
  if (typeof name !== 'string' || !/^[a-z][a-z0-9-]*$/.test(name))
    problems.push(`${field}.name: ${showValue(name)} is no name; give small letters, digits and "-"`);
  const isCommand = typeof command === 'function' || (Array.isArray(command) && command.length > 0);
  if (!isCommand)
    problems.push(
      `${field}.command: ${showValue(command)} is no command; give ["program", "argument"] or a function that gives it`,
    );
  const isPort = port === undefined || (Number.isInteger(port) && Number(port) > 0 && Number(port) < 65_536);
  if (!isPort) problems.push(`${field}.port: ${showValue(port)} is no port; give a number from 1 to 65535`);
  const isReady =
    ready === undefined ||
    typeof ready === 'function' ||
    (ready === 'port' && port !== undefined) ||
    (isRecord(ready) && (isText(ready['url']) || ready['log'] instanceof RegExp));
  if (!isReady)
    problems.push(
      `${field}.ready: ${showValue(ready)} is no check; give "port" (with a port), { url: "http://…" } or { log: /…/ }`,
    );
  if (env !== undefined && typeof env !== 'function')
    problems.push(`${field}.env: ${showValue(env)} is no function; give ({ port }) => ({ NAME: "value" })`);
  return problems;
};

const LIMITS_CURE =
  'give whole numbers above zero by name, such as { "glue:startJobRun": 10, "warehouse": 2 }';
const isPoolName = (name: string) => /^[\w.-]+(:[\w.-]+)?$/.test(name);

const checkLimits: Check = (value, field) =>
  isRecord(value)
    ? Object.entries(value).flatMap(([name, limit]) => {
        if (!isPoolName(name))
          return [
            `${field}: ${showValue(name)} is no name of a pool; give a resource, or letters, digits, "-", "_", "."`,
          ];
        return Number.isInteger(limit) && (limit as number) > 0
          ? []
          : [`${field}["${name}"]: ${showValue(limit)} is wrong; ${LIMITS_CURE}`];
      })
    : [`${field}: ${showValue(value)} is wrong; ${LIMITS_CURE}`];

const CHECKS: Record<keyof ProjectConfig, Check> = {
  pipelines: listOf(
    isPipeline,
    'give pipelines (what definePipeline gives), or folders and globs such as "src/pipelines"',
  ),
  tasks: listOf(isTask, 'give tasks (what defineTask gives), or folders such as "src/tasks"'),
  runners: listOf(isRunner, 'give runners (what defineRunner gives), or folders such as "src/runners"'),
  jobs: listOf(() => false, 'give folders such as "jobs"'),
  glueJobs: recordOf(checkGlueJob, 'give { "name of the job": { script: "…" } }'),
  crawlers: recordOf(checkCrawler, 'give { "name of the crawler": { database, targets } }'),
  limits: checkLimits,
  services: (value, field) =>
    Array.isArray(value)
      ? value.flatMap((service, i) => checkService(service, `${field}[${i}]`))
      : [`${field}: ${showValue(value)} is no list; give [{ name, command }]`],
  projects: (value, field) =>
    Array.isArray(value)
      ? value.flatMap((project, i) =>
          isDefinedConfig(project)
            ? []
            : [
                `${field}[${i}]: ${showValue(project)} is no project; import the default export of its sluice.config`,
              ],
        )
      : [`${field}: ${showValue(value)} is no list; give the configs of projects`],
  taskQueue: (value, field) =>
    isText(value) ? [] : [`${field}: ${showValue(value)} is no name; give a text such as "etl"`],
};

export function isTask(value: unknown): value is AnyTask {
  return (
    isRecord(value) &&
    isText(value['name']) &&
    typeof value['run'] === 'function' &&
    typeof value['check'] === 'function'
  );
}

export function isRunner(value: unknown): value is AnyRunnerDefinition {
  return isRecord(value) && isText(value['resource']) && typeof value['create'] === 'function';
}

/** What is wrong with a config, one line each: file, field, value and cure. */
export function findConfigProblems(config: DefinedConfig): string[] {
  const { file, ...fields } = config;
  const known = Object.keys(CHECKS);
  return Object.entries(fields).flatMap(([field, value]) => {
    if (value === undefined) return [];
    const check = CHECKS[field as keyof ProjectConfig] as Check | undefined;
    if (check !== undefined) return check(value, `${path.basename(file)}: ${field}`);
    const nearest = findNearest(field, known);
    const hint = nearest === undefined ? `there are: ${known.join(', ')}` : `did you mean "${nearest}"?`;
    return [`${path.basename(file)}: ${field}: unknown; ${hint}`];
  });
}
