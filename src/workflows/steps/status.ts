import {
  CancellationScope,
  condition,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { formatDuration } from '../../pipelines/duration';
import type { JobResult } from '../../jobs';
import type {
  Failure,
  Retry,
  RetryReport,
  RunState,
  RunStatus,
  StepState,
  StepStatus,
} from '../../contracts/messages';
import { countRunEnd, countRunStart, countStepEnd } from './metrics';
import { statusQuery } from '../../contracts/messages';

const ATTRIBUTES = {
  pipeline: defineSearchAttributeKey('SluicePipeline', SearchAttributeType.KEYWORD),
  state: defineSearchAttributeKey('SluiceState', SearchAttributeType.KEYWORD),
  step: defineSearchAttributeKey('SluiceStep', SearchAttributeType.KEYWORD),
  waitingFor: defineSearchAttributeKey('SluiceWaitingFor', SearchAttributeType.KEYWORD_LIST),
};

/** Step states in which nothing happens any more. */
const ENDED = new Set(['succeeded', 'failed', 'stopped', 'leaked', 'skipped']);

/**
 * The one status of a run. Every change goes through `update`, which keeps the query, the current details of the Web UI
 * and the search attributes in step. Each write of search attributes is a history event and one for the visibility store,
 * so they are written when their value changes, once a workflow task, and name of a fan-out the group, not each job.
 */
export class StatusBoard {
  readonly status: RunStatus;
  /** Where the jobs wrote. */
  readonly outputs = new Set<string>();
  /** Set once the worker said that the attributes are registered: an unregistered one would fail the task for ever. */
  private attributesUsable = false;
  private written: string | null = null;
  private isPublished = false;
  private readonly fanOuts = new Set<string>();
  /** What the steps that are retried were before. */
  private readonly statesBefore = new Map<StepStatus, StepState>();

  constructor(pipeline: string, retryOf?: { id: string; runId: string }) {
    this.status = { pipeline, state: 'running', waitingFor: [], failure: null, measures: {}, steps: [] };
    if (retryOf !== undefined) this.status.retryOf = { id: retryOf.id, runId: retryOf.runId };
    setHandler(statusQuery, () => this.status, {
      description: 'State, steps, jobs and failures of the run.',
    });
    this.publish();
    countRunStart(pipeline);
    // A condition is looked at when everything else of a workflow task is done. One that came true would cost the task another
    // round through the sandbox.
    void CancellationScope.nonCancellable(() => condition(() => this.publishIfChanged()));
  }

  useSearchAttributes(): void {
    this.attributesUsable = true;
    this.publish();
  }

  /** A group of many steps of one kind: search attributes name it in the place of each. */
  addFanOut(group: string): void {
    this.fanOuts.add(group);
  }

  /** Notes of a group how many of its steps have failed and may. */
  noteTolerated(group: string, tolerated: number): void {
    const step = this.status.steps.find(({ name }) => name === group);
    if (step) this.update(step, { tolerated });
  }

  /** Adds a step; a name that is taken gets a number, so that names stay unique within a run. */
  addStep(step: Pick<StepStatus, 'name' | 'kind' | 'parent'> & Partial<StepStatus>): StepStatus {
    let name = step.name;
    for (let n = 2; this.status.steps.some((other) => other.name === name); n++) name = `${step.name} (${n})`;
    const added: StepStatus = {
      state: 'pending',
      attempts: 0,
      startedAt: null,
      endedAt: null,
      waitingFor: null,
      job: null,
      objects: null,
      run: null,
      failure: null,
      ...step,
      name,
    };
    this.status.steps.push(added);
    return added;
  }

  update(step: StepStatus, change: Partial<StepStatus>): void {
    // A step that goes on is retried no longer.
    if (change.state !== undefined) delete step.retry;
    Object.assign(step, change);
    const now = new Date().toISOString();
    if (step.state !== 'pending') step.startedAt ??= now;
    if (step.state !== 'waiting for capacity') delete step.pool;
    if (ENDED.has(step.state)) {
      step.waitingFor = null;
      if (step.endedAt === null) {
        step.endedAt = now;
        countStepEnd(this.status.pipeline, step);
      }
    }
    this.publish();
  }

  /** @param step null for the run itself; `expectedBy` in ISO 8601 */
  markLate(step: StepStatus | null, expectedBy: string): void {
    (step ?? this.status).late = expectedBy;
    this.publish();
  }

  /** @returns whether there is such a step, and it goes on */
  noteRetry({ step: name, retry }: RetryReport): boolean {
    const step = this.status.steps.find((one) => one.name === name && !ENDED.has(one.state));
    if (step === undefined) return false;
    if (retry === null) {
      this.goesOn(step);
      return true;
    }
    const { failingForMs, nextInMs, ...told } = retry;
    const now = Date.now();
    const time = (timeMs: number) => new Date(timeMs).toISOString();
    if (!step.retry) this.statesBefore.set(step, step.state);
    this.update(step, { state: 'retrying' });
    this.update(step, { retry: { ...told, since: time(now - failingForMs), nextAt: time(now + nextInMs) } });
    return true;
  }

  /** What was retried for the step has gone well. */
  goesOn(step: StepStatus): void {
    if (step.retry) this.update(step, { state: this.statesBefore.get(step)! });
  }

  addMeasures(result: JobResult): void {
    if (result.output !== null) this.outputs.add(result.output);
    for (const [name, value] of Object.entries(result.measures)) {
      this.status.measures[name] = (this.status.measures[name] ?? 0) + value;
    }
  }

  end(state: RunState, failure: Failure | null): void {
    this.status.state = state;
    this.status.failure = failure;
    for (const step of this.status.steps) {
      if (!ENDED.has(step.state))
        this.update(step, { state: step.startedAt === null ? 'skipped' : 'stopped' });
    }
    const startedMs = workflowInfo().startTime.getTime();
    countRunEnd(this.status.pipeline, state, (Date.now() - startedMs) / 1000);
    this.publishNow();
  }

  private publish(): void {
    const { status } = this;
    status.waitingFor = [...new Set(status.steps.flatMap((step) => step.waitingFor ?? []))];
    this.isPublished = false;
  }

  private publishIfChanged(): false {
    if (!this.isPublished) this.publishNow();
    return false;
  }

  private publishNow(): void {
    this.isPublished = true;
    const { status, fanOuts } = this;
    setCurrentDetails(`${renderDetails(status)}\n\n${renderRelated(status, workflowInfo())}`);
    if (!this.attributesUsable) return;
    const active = status.steps.filter((step) => step.kind !== 'group' && !ENDED.has(step.state));
    const last = active.at(-1) ?? status.steps.at(-1);
    const named = last?.parent && fanOuts.has(last.parent) ? last.parent : last?.name;
    const current = status.failure?.step ?? named ?? '';
    const values = [status.state, current, ...status.waitingFor].join('\n');
    if (values === this.written) return;
    this.written = values;
    upsertSearchAttributes([
      { key: ATTRIBUTES.pipeline, value: status.pipeline },
      { key: ATTRIBUTES.state, value: status.state },
      { key: ATTRIBUTES.step, value: current },
      { key: ATTRIBUTES.waitingFor, value: status.waitingFor },
    ]);
  }
}

/** How many steps the table of the Web UI shows: a fan-out of thousands must not grow every task's answer. */
const SHOWN_STEPS = 100;

/**
 * Links to the run that this one goes on with, and to those that go on with it: a run that has ended can no longer say which, so
 * it leads to a search.
 */
export function renderRelated(
  { retryOf }: RunStatus,
  { namespace, workflowId }: { namespace: string; workflowId: string },
): string {
  const base = `/namespaces/${encodeURIComponent(namespace)}/workflows`;
  const query = encodeURIComponent(`WorkflowId STARTS_WITH '${workflowId.replace(/[\\']/g, '\\$&')}-retry-'`);
  const links = [`[retries of this run](${base}?query=${query})`];
  if (retryOf !== undefined) {
    const [id, runId] = [retryOf.id, retryOf.runId].map(encodeURIComponent);
    links.unshift(`retry of [${retryOf.id}](${base}/${id}/${runId}/history)`);
  }
  return links.join(' · ');
}

/** The status as the Markdown that the Web UI shows under "Current Details". */
export function renderDetails(status: RunStatus): string {
  const lines = [`**${status.pipeline}**: ${status.state}`];
  if (status.waitingFor.length > 0)
    lines.push('', `Waiting for: ${status.waitingFor.map((w) => `\`${w}\``).join(', ')}`);
  if (status.late) lines.push('', `Late: expected by ${status.late}`);
  if (status.failure)
    lines.push('', `Failure in ${status.failure.step ?? 'the run'}: ${oneLine(status.failure.message)}`);
  if (status.steps.length > 0) {
    lines.push(
      '',
      '| step | state | attempts | started | took | job or objects |',
      '|---|---|---|---|---|---|',
    );
    for (const step of status.steps.slice(0, SHOWN_STEPS)) {
      const took =
        step.startedAt && step.endedAt
          ? formatDuration(Date.parse(step.endedAt) - Date.parse(step.startedAt))
          : '';
      const inPool = step.pool ? `${step.state} (pool ${step.pool.name})` : step.state;
      const state = step.late ? `${inPool}, expected by ${step.late.slice(0, 19)}` : inPool;
      const what = step.job
        ? `${step.job.resource} ${step.job.url ? `[${step.job.externalId}](${step.job.url})` : (step.job.externalId ?? '')}`
        : (step.objects?.map(({ uri, empty }) => (empty ? `${uri} (empty)` : uri)).join(' ') ??
          step.waitingFor ??
          '');
      const rows = step.rows
        ? ` (${step.rows.rejected} rows rejected, ${step.rows.unread} values unread)`
        : '';
      const tolerated = step.tolerated ? `${step.tolerated} failed, as many may` : '';
      const retry = step.retry ? `${describeRetry(step.retry)} ` : '';
      const name = step.parent === null ? step.name : `${step.parent} / ${step.name}`;
      lines.push(
        `| ${cell(name)} | ${cell(state)} | ${step.attempts || ''} | ${step.startedAt?.slice(0, 19) ?? ''} | ${took} | ${cell(retry + what + rows + tolerated)} |`,
      );
    }
    if (status.steps.length > SHOWN_STEPS)
      lines.push('', `… and ${status.steps.length - SHOWN_STEPS} more steps`);
  }
  return lines.join('\n');
}

function describeRetry({ doing, attempt, failure, nextAt }: Retry): string {
  return `${doing}: attempt ${attempt} failed (${failure.code}: ${failure.message}), the next comes at ${nextAt.slice(0, 19)};`;
}

function oneLine(text: string): string {
  const line = text.replace(/\s+/g, ' ');
  return line.length > 500 ? `${line.slice(0, 499)}…` : line;
}

function cell(text: string): string {
  return oneLine(text).replace(/\|/g, '\\|');
}
