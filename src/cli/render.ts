import pc from 'picocolors';
import { formatDuration } from '../pipelines/duration';
import type { Failure, Retry, RunState, StepState, StepRows } from '../contracts/messages';
import { describeChecks } from '../workflows/steps/check';
import { formatTime, visibleOf } from './output';
import type { Cost } from '../setup/prices';
import { describeProgress } from './readProgress';
import { isEnded, type RunView, type StepView } from './readStatus';
import { renderResult } from './renderResult';

export interface RenderOptions {
  color: boolean;
  /** Milliseconds; for the time that open steps have taken so far. */
  now?: number;
}

type Colors = ReturnType<typeof pc.createColors>;

/** How many steps of one group are shown: a fan-out of thousands must not fill the terminal. */
const SHOWN_STEPS = 50;

/** Whether standard output is a terminal that shows colours. */
export function hasColor(): boolean {
  // Undefined where it is no terminal, which picocolors would take for its own default.
  return process.stdout.isTTY === true && pc.isColorSupported;
}

/** The status of a run as a tree of its steps. */
export function renderStatus(given: RunView, { color, now = Date.now() }: RenderOptions): string {
  const view = visibleOf(given);
  const colors = pc.createColors(color);
  const took = formatDuration(
    Math.max(0, (view.endedAt ? Date.parse(view.endedAt) : now) - Date.parse(view.startedAt)),
  );
  const lines = [
    `${colors.bold(view.id)}  ${view.pipeline}  ${paint(view.state, colors)}  started ${formatTime(view.startedAt)}, ${took}`,
  ];
  if (view.late) lines.push(colors.yellow(`late, expected by ${formatTime(view.late)}`));
  if (view.url) lines.push(colors.dim(view.url));
  if (view.retryOf) lines.push(`retry of ${view.retryOf.id}`);
  lines.push(...renderSteps(rootsOf(view.steps), view.steps, '', { colors, now }));
  if (!isEnded(view) && view.waitingFor.length > 0) lines.push(`waiting for ${view.waitingFor.join(', ')}`);
  if (view.cost) lines.push(`cost ${formatCost(view.cost)}`);
  for (const { code, message } of view.problems) lines.push(colors.red(`${code}: ${message}`));
  if (view.failure) lines.push(colors.red(formatFailure(view.failure, true)));
  return lines.join('\n');
}

/** The status, and below it what an ended run gave. */
export function renderEnd(view: RunView, options: RenderOptions): string {
  return [renderStatus(view, options), renderResult(visibleOf(view.result, true))]
    .filter((part) => part !== '')
    .join('\n');
}

/** `0.4213 USD`: four digits that say something, of a small amount, too. */
function formatCost({ amount, currency }: Cost): string {
  return `${amount >= 1 ? amount.toFixed(2) : Number(amount.toPrecision(4))} ${currency}`;
}

interface Context {
  colors: Colors;
  now: number;
}

function rootsOf(steps: StepView[]): StepView[] {
  const names = new Set(steps.map((step) => step.name));
  return steps.filter((step) => step.parent === null || !names.has(step.parent));
}

/** `all` are the steps of one run: names are unique in it, and parents are found by name. */
function renderSteps(shown: StepView[], all: StepView[], indent: string, context: Context): string[] {
  const lines: string[] = [];
  const kept = shown.slice(0, SHOWN_STEPS);
  const more = shown.length - kept.length;
  for (const [i, step] of kept.entries()) {
    const isLast = i === kept.length - 1 && more === 0;
    const below = `${indent}${isLast ? '   ' : '│  '}`;
    lines.push(`${indent}${isLast ? '└─ ' : '├─ '}${renderStep(step, context)}`);
    const children = all.filter((other) => other.parent === step.name);
    const ofChildRun = step.steps ?? [];
    if (step.retry) lines.push(`${below}${context.colors.yellow(describeRetry(step.retry))}`);
    if (step.failure && children.length === 0 && ofChildRun.length === 0) {
      lines.push(
        ...formatFailure(step.failure, false)
          .split('\n')
          .map((line) => `${below}${context.colors.red(line)}`),
      );
    }
    lines.push(...renderSteps(children, all, below, context));
    lines.push(...renderSteps(rootsOf(ofChildRun), ofChildRun, below, context));
  }
  if (more > 0) lines.push(`${indent}└─ … and ${more} more steps (all of them: --json)`);
  return lines;
}

function renderStep(step: StepView, { colors, now }: Context): string {
  const parts = [step.name, [paint(step.state, colors), ...describePool(step)].join(' ')];
  if (step.startedAt) {
    parts.push(
      formatDuration(
        Math.max(0, (step.endedAt ? Date.parse(step.endedAt) : now) - Date.parse(step.startedAt)),
      ),
    );
  }
  if (step.late) parts.push(colors.yellow(`late, expected by ${formatTime(step.late)}`));
  if (step.attempts > 1) parts.push(`attempt ${step.attempts}`);
  if (step.takenFrom) parts.push(`${step.takenFrom.job} from ${step.takenFrom.id}`);
  parts.push(...describeWork(step).map((text) => colors.dim(text)));
  return parts.join('  ');
}

/** `(pool warehouse, 3rd in line)`, for a step that waits for a slot. */
export function describePool({ pool }: StepView): string[] {
  if (!pool) return [];
  return [
    pool.place === null ? `(pool ${pool.name})` : `(pool ${pool.name}, ${formatOrdinal(pool.place)} in line)`,
  ];
}

function formatOrdinal(number: number): string {
  const isTeen = Math.floor(number / 10) % 10 === 1;
  return `${number}${(isTeen ? undefined : ['th', 'st', 'nd', 'rd'][number % 10]) ?? 'th'}`;
}

/** What a step waits for, took or runs. */
export function describeWork(step: StepView): string[] {
  const objects = (step.objects ?? []).map(({ uri, late, empty }) =>
    late ? `${uri} (late)` : empty ? `${uri} (empty)` : uri,
  );
  if (step.tolerated) return [`${step.tolerated} failed, as many may`];
  if (step.waitingFor) return [`for ${step.waitingFor}`, ...objects];
  if (step.objects) return objects;
  if (step.job)
    return [
      step.job.resource,
      step.job.externalId,
      step.job.url,
      step.progress ? describeProgress(step.progress) : null,
      step.rows ? describeRows(step.rows) : null,
      step.checks ? describeChecks(step.checks) : null,
    ].filter((part) => part !== null);
  return [];
}

/** `submit: attempt 7 failed, failing since 12:00:05, next at 12:03:05: Transient: …`, with dates. */
export function describeRetry({ doing, attempt, failure, since, nextAt }: Retry): string {
  const { code, message } = failure;
  return `${doing}: attempt ${attempt} failed, failing since ${formatTime(since)}, next at ${formatTime(nextAt)}: ${code}: ${message}`;
}

/** `3 rows rejected, 1 value unread of 100 rows`. */
function describeRows({ read, rejected, unread }: StepRows): string {
  const count = (n: number, what: string) => `${n} ${what}${n === 1 ? '' : 's'}`;
  return `${count(rejected, 'row')} rejected, ${count(unread, 'value')} unread of ${count(read + rejected, 'row')}`;
}

export function formatFailure({ code, message, step }: Failure, withStep: boolean): string {
  return `${withStep && step ? `${step}: ` : ''}${code}: ${message}`;
}

function paint(state: RunState | StepState, colors: Colors): string {
  switch (state) {
    case 'succeeded':
    case 'completed':
      return colors.green(state);
    case 'failed':
    case 'leaked':
    case 'terminated':
    case 'timed out':
      return colors.red(state);
    case 'running':
      return colors.cyan(state);
    case 'pending':
    case 'skipped':
      return colors.dim(state);
    default:
      return colors.yellow(state);
  }
}
