import { setTimeout as sleep } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import { formatTime, visibleOf } from './output';
import { isEnded, type RunView, type StepView } from './readStatus';
import { describePool, describeRetry, describeWork, formatFailure, hasColor, renderStatus } from './render';

const POLL_MS = 500;
const PROBLEMS_POLL_MS = 2_000;

export interface FollowOptions {
  read: () => Promise<RunView>;
  /** `terminal` redraws the tree, `lines` prints one line a change, `json` one status a change. */
  mode: 'terminal' | 'lines' | 'json';
  write: (text: string) => void;
  signal: AbortSignal;
}

/** Shows a run until it ends and gives its last status; also when `signal` says to stop looking. */
export async function followRun({ read, mode, write, signal }: FollowOptions): Promise<RunView> {
  const show = { terminal: redraw, lines: showChanges, json: showJson }[mode](write);
  let last: RunView | null = null;
  for (;;) {
    const view = await read();
    // A worker that is away for a moment leaves out the steps.
    if (view.steps.length === 0 && last) view.steps = last.steps;
    show(view);
    last = view;
    if (isEnded(view) || signal.aborted) return view;
    await sleep(POLL_MS, undefined, { signal }).catch(() => {});
    if (signal.aborted) return view;
  }
}

/**
 * Writes what keeps a run from going on, until `signal` is set. A look is left out that fails: whoever waits for the run's end
 * finds out.
 */
export async function followProblems({ read, write, signal }: Omit<FollowOptions, 'mode'>): Promise<void> {
  const show = showProblems(write);
  // A short run needs no look.
  while (await isAfter(PROBLEMS_POLL_MS, signal)) {
    const view = await read().catch(() => null);
    if (view !== null && !signal.aborted) show(view);
  }
}

function isAfter(ms: number, signal: AbortSignal): Promise<boolean> {
  return sleep(ms, true, { signal }).catch(() => false);
}

function redraw(write: (text: string) => void): (view: RunView) => void {
  let rowsBefore = 0;
  return (view) => {
    const columns = process.stdout.columns || 80;
    const rowsOf = (line: string) => Math.max(1, Math.ceil(stripVTControlCharacters(line).length / columns));
    let lines = renderStatus(view, { color: hasColor() }).split('\n');
    const count = () => lines.reduce((sum, line) => sum + rowsOf(line), 0);
    // What has scrolled out cannot be redrawn; the last picture is whole in any case.
    if (!isEnded(view))
      while (lines.length > 1 && count() >= (process.stdout.rows || 24)) lines = lines.slice(1);
    write(`${rowsBefore > 0 ? `\u001b[${rowsBefore}A` : ''}\r\u001b[0J${lines.join('\n')}`);
    rowsBefore = count();
  };
}

function showChanges(write: (text: string) => void): (view: RunView) => void {
  const seen = new Map<string, string>();
  const show = showProblems(write);
  return (given) => {
    const view = visibleOf(given);
    for (const { path, step } of listPaths(view.steps, [])) {
      const key = path.join(' / ');
      const state = [step.state, ...describePool(step)].join(' ');
      const text = [state, ...describeWork(step)].join('  ');
      if (step.state === 'pending' || seen.get(key) === text) continue;
      seen.set(key, text);
      const retry = step.retry ? `  ${describeRetry(step.retry)}` : '';
      const failure = step.failure && step.kind !== 'group' ? `  ${formatFailure(step.failure, false)}` : '';
      write(`${formatTime(new Date())}  ${key}: ${text}${retry}${failure}`);
    }
    show(view);
    if (isEnded(view)) write(renderStatus(view, { color: false }));
  };
}

function showProblems(write: (text: string) => void): (view: RunView) => void {
  const seen = new Map<string, string>();
  return ({ problems }) => {
    for (const { code, message, since } of problems) {
      if (seen.get(code) === since) continue;
      seen.set(code, since);
      write(`${formatTime(new Date())}  ${code}: ${message}`);
    }
  };
}

function listPaths(steps: StepView[], above: string[]): { path: string[]; step: StepView }[] {
  const byName = new Map(steps.map((step) => [step.name, step]));
  const pathOf = (step: StepView): string[] => {
    const parent = step.parent === null ? undefined : byName.get(step.parent);
    return parent ? [...pathOf(parent), step.name] : [...above, step.name];
  };
  return steps.flatMap((step) => [
    { path: pathOf(step), step },
    ...listPaths(step.steps ?? [], pathOf(step)),
  ]);
}

function showJson(write: (text: string) => void): (view: RunView) => void {
  let before = '';
  return (view) => {
    const text = JSON.stringify(view);
    if (text !== before) write(text);
    before = text;
  };
}
