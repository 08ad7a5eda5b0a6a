import { S3Client } from '@aws-sdk/client-s3';
import { defaultDataConverter, defaultPayloadConverter } from '@temporalio/common';
import { msToTs } from '@temporalio/common/lib/time';
import type { Client } from '@temporalio/client';
import { temporal } from '@temporalio/proto';
import { createRunners } from '../../../src/activities';
import { planRetry, type PlannedStep } from '../../../src/activities/earlier';
import type { Submission } from '../../../src/contracts/activities';
import type { JobResult } from '../../../src/jobs';
import { testConfig } from '../../support/environment';

type HistoryEvent = temporal.api.history.v1.IHistoryEvent;
const { EventType } = temporal.api.enums.v1;
const COUNT = 10_000;
const PER_RUN = 500;
/** The place of the item that failed, in the last child run. */
const FAILED = COUNT - 20;

const payloads = (...values: unknown[]) => ({
  payloads: values.map((value) => defaultPayloadConverter.toPayload(value)),
});
const job = { resource: 'glue:startJobRun', parameters: { JobName: 'load' } } as const;

/** The events of a run, numbered as they come, a millisecond after each other. */
class Events {
  readonly list: HistoryEvent[] = [];
  private static ms = Date.parse('2026-01-01T00:00:00Z');

  add(event: HistoryEvent): number {
    const eventId = this.list.length + 1;
    this.list.push({ ...event, eventId: eventId as never, eventTime: msToTs(Events.ms++) });
    return eventId;
  }

  start(workflowType: string, input: unknown): void {
    this.add({
      eventType: EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
      workflowExecutionStartedEventAttributes: {
        workflowType: { name: workflowType },
        input: payloads(input),
      },
    });
  }

  activity(type: string, input: unknown[], result: unknown, failure?: string): void {
    const scheduledEventId = this.add({
      eventType: EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
      activityTaskScheduledEventAttributes: { activityType: { name: type }, input: payloads(...input) },
    }) as never;
    if (failure === undefined)
      this.add({
        eventType: EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED,
        activityTaskCompletedEventAttributes: { scheduledEventId, result: payloads(result) },
      });
    else
      this.add({
        eventType: EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED,
        activityTaskFailedEventAttributes: {
          scheduledEventId,
          failure: {
            message: failure,
            applicationFailureInfo: { type: 'JobFailed', details: payloads({ ended: true }) },
          },
        },
      });
  }
}

/** The histories of a `mapJobs` of so many jobs, of which one has failed, by run id. */
function historiesOfFanOut(): Map<string, HistoryEvent[]> {
  const histories = new Map<string, HistoryEvent[]>();
  const root = new Events();
  root.start('items', {});
  for (let first = 0; first < COUNT; first += PER_RUN) {
    const workflowId = `root/load ${first + 1}-${first + PER_RUN}`;
    const jobs = Array.from({ length: PER_RUN }, () => job);
    const initiatedEventId = root.add({
      eventType: EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED,
      startChildWorkflowExecutionInitiatedEventAttributes: {
        workflowId,
        workflowType: { name: 'jobs' },
        input: payloads({ name: 'load', first, jobs, concurrency: 10, options: {} }, {}),
      },
    }) as never;
    const runId = `run-${first}`;
    root.add({
      eventType: EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED,
      childWorkflowExecutionStartedEventAttributes: {
        initiatedEventId,
        workflowExecution: { workflowId, runId },
      },
    });
    const child = new Events();
    child.start('jobs', {});
    for (let item = first + 1; item <= first + PER_RUN; item++)
      addJob(child, `load ${item}`, item === FAILED);
    histories.set(runId, child.list);
    const hasFailed = first + PER_RUN >= FAILED;
    if (!hasFailed)
      root.add({
        eventType: EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED,
        childWorkflowExecutionCompletedEventAttributes: { initiatedEventId },
      });
  }
  return histories.set('root', root.list);
}

function addJob(events: Events, step: string, fails: boolean, told: Partial<Submission> = {}): void {
  const submission: Submission = {
    ...{ job, key: `root/run/${step}/1`, run: 'root', step },
    since: new Date(Date.parse('2026-01-01T00:00:00Z')).toISOString(),
    within: [{ name: 'load', since: '2026-01-01T00:00:00.000Z', fanOut: true }],
    ...told,
  };
  const reference = {
    ...{ resource: job.resource, externalId: step, key: submission.key, url: null },
    submittedAt: submission.since!,
  };
  const result: JobResult = {
    ...{ resource: job.resource, externalId: step, url: null, output: null, logUrl: null },
    ...{ durationMs: 0, measures: {} },
  };
  events.activity('submitJob', [submission], reference);
  events.activity('awaitJob', [submission, reference], result, fails ? 'bad item' : undefined);
}

const histories = historiesOfFanOut();
let read: string[] = [];
const s3 = new S3Client({ region: 'us-east-1' });
const deps = {
  client: {
    options: {
      loadedDataConverter: {
        ...defaultDataConverter,
        payloadCodecs: [],
        payloadConverter: defaultPayloadConverter,
      },
    },
    workflow: {
      getHandle: (_: string, runId: string) => ({
        fetchHistory() {
          read.push(runId);
          return Promise.resolve({ events: histories.get(runId) });
        },
      }),
    },
  } as unknown as Client,
  s3,
  runners: createRunners({ config: testConfig, s3 }),
};

beforeEach(() => (read = []));

const jobsOf = (steps: PlannedStep[]): PlannedStep[] =>
  steps.flatMap((step) => [...(step.kind === 'job' ? [step] : []), ...jobsOf(step.steps ?? [])]);
const plan = async (choice: { from?: string[]; redo?: string[] } = {}) => {
  const { steps } = await planRetry(deps, { id: 'root', runId: 'root' }, { from: [], redo: [], ...choice });
  return { runs: steps, jobs: jobsOf(steps) };
};

test('the plan of a fan-out of 10,000 jobs names each of them and reads few of its histories', async () => {
  const { runs, jobs } = await plan();
  expect(runs.map(({ action }) => action)).toEqual([...Array<string>(19).fill('reuse'), 'go on']);
  expect(jobs.map(({ step }) => step)).toEqual(Array.from({ length: COUNT }, (_, i) => `load ${i + 1}`));
  expect(jobs.filter(({ action }) => action !== 'reuse')).toEqual([
    {
      step: `load ${FAILED}`,
      kind: 'job',
      within: ['load'],
      action: 'redo',
      reason: 'it failed: JobFailed: bad item',
    },
  ]);
  expect(jobs.every(({ within }) => within.join() === 'load')).toBe(true);
  // The run, those read side by side before enough was looked at, and the one that failed.
  expect(read.length).toBeLessThanOrEqual(6);
});

test('a job that is to be done anew is found in whichever child run it is', async () => {
  const { jobs } = await plan({ redo: ['load 7001'] });
  expect(jobs.filter(({ action }) => action !== 'reuse').map(({ step }) => step)).toEqual([
    'load 7001',
    `load ${FAILED}`,
  ]);
  await expect(plan({ redo: ['load 70001'] })).rejects.toThrow('has come to no step "load 70001"');
});

describe('of a run that undid what it had done', () => {
  const at = (second: number) => new Date(Date.parse('2026-01-01T00:00:00Z') + second * 1000).toISOString();
  /** @param isOlder whether the run told neither places nor from when on it undid */
  const planUndone = async (isOlder: boolean) => {
    const events = new Events();
    events.start('partition', { onFailure: 'undo' });
    for (const [second, step] of ['extract', 'add', 'load'].entries())
      addJob(events, step, step === 'load', {
        ...{ since: at(second), within: [] },
        ...(isOlder ? {} : { place: [step] }),
      });
    const group = { name: 'undo the partition', since: at(3) };
    addJob(events, 'drop', false, {
      since: at(3),
      within: [isOlder ? group : { ...group, undoes: at(1) }],
      ...(isOlder ? {} : { place: [group.name, 'drop'] }),
    });
    histories.set('undone', events.list);
    const { steps } = await planRetry(deps, { id: 'root', runId: 'undone' }, { from: [], redo: [] });
    return steps.map(({ step, action, reason }) => [step, action, reason]);
  };

  test('what was undone is done anew, and what undid it is no part of the plan', async () => {
    expect(await planUndone(false)).toEqual([
      ['extract', 'reuse', expect.stringContaining('it succeeded at')],
      ['add', 'redo', 'it was undone'],
      ['load', 'redo', 'it failed: JobFailed: bad item'],
    ]);
  });

  test('all is done anew when it is not known from when on it was undone', async () => {
    expect(await planUndone(true)).toEqual([
      ['extract', 'redo', 'it was undone'],
      ['add', 'redo', 'it was undone'],
      ['load', 'redo', 'it failed: JobFailed: bad item'],
    ]);
  });
});

test('a group in the place of a step is told, with its steps', async () => {
  for (const choice of [{ from: ['load'] }, { redo: ['load'] }])
    await expect(plan(choice)).rejects.toThrow(
      /"load" is a group of root, not a step\. Name its steps.*: "load 1", "load 2",.* and 9980 more$/,
    );
});
