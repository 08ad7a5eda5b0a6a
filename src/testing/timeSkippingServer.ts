import { setTimeout as pause } from 'node:timers/promises';
import {
  Client,
  QueryNotRegisteredError,
  WorkflowNotFoundError,
  type WorkflowHandle,
} from '@temporalio/client';
import { tsToMs } from '@temporalio/common/lib/time';
import { temporal } from '@temporalio/proto';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, makeTelemetryFilterString, Runtime, type NativeConnection } from '@temporalio/worker';
import { ensureTemporalTestServer } from '../local';

type HistoryEvent = temporal.api.history.v1.IHistoryEvent;

/** The server of this process, and how many stacks use it. */
let shared: { environment: Promise<TestWorkflowEnvironment>; users: number } | null = null;

/** An open workflow of a namespace. */
export interface OpenWorkflow {
  id: string;
  /** A workflow task is to be done, or the server is at work for it. */
  isBusy: boolean;
  /** What its code has thrown, if it cannot go on. */
  defect: string | null;
  /** The ids of activities that have not ended. */
  activities: string[];
  /** When its timers fire, in milliseconds since 1970. */
  timersMs: number[];
}

/** What a history of so many events came to; null for a workflow of another namespace. */
interface Look {
  length: number;
  open: OpenWorkflow | null;
}

/** A namespace of its own on the time-skipping server, of which a process has one. Time stands still unless it is skipped. */
export class TimeSkippingServer {
  readonly client: Client;
  private isStopped = false;
  /** By run id. */
  private looks: ReadonlyMap<string, Look> = new Map();
  private moved = true;

  private constructor(
    private readonly environment: TestWorkflowEnvironment,
    readonly namespace: string,
  ) {
    this.client = new Client({ connection: environment.connection, namespace });
  }

  /**
   * Starts the server, or uses the one that is there.
   * @throws SluiceError MissingTool when it was never started on this machine and cannot be installed
   */
  static async start(namespace: string): Promise<TimeSkippingServer> {
    shared ??= { environment: startEnvironment(), users: 0 };
    shared.users++;
    try {
      return new TimeSkippingServer(await shared.environment, namespace);
    } catch (error) {
      shared = null;
      throw error;
    }
  }

  get nativeConnection(): NativeConnection {
    return this.environment.nativeConnection;
  }

  currentTimeMs(): Promise<number> {
    return this.environment.currentTimeMs();
  }

  /** Lets so much time pass; what is due meanwhile happens, as far as it takes no time itself. */
  skip(durationMs: number): Promise<void> {
    return this.environment.sleep(durationMs);
  }

  /** Whether anything has happened between the last look and the one before. */
  get hasMoved(): boolean {
    return this.moved;
  }

  /** What goes on in the namespace. A history is read again when it has grown. */
  async look(): Promise<OpenWorkflow[]> {
    const { workflowService } = this.environment.connection;
    // Of all namespaces: the server has no filter.
    const { executions } = await workflowService.listOpenWorkflowExecutions({ namespace: this.namespace });
    const looks = await Promise.all(
      executions.map(async ({ execution, historyLength }) => {
        const { workflowId, runId } = execution!;
        const before = this.looks.get(runId!);
        const isSame =
          before !== undefined && (before.open === null || before.length === Number(historyLength));
        return [runId!, isSame ? before : await this.lookAt(workflowId!, runId!)] as const;
      }),
    );
    this.moved =
      looks.length !== this.looks.size || looks.some(([runId, look]) => this.looks.get(runId) !== look);
    this.looks = new Map(looks);
    return looks.flatMap(([, { open }]) => open ?? []);
  }

  /** The executions of a workflow type in the namespace, ended or not, in the order of their starts. */
  async workflowsOf(type: string): Promise<WorkflowHandle[]> {
    const { workflowService } = this.environment.connection;
    const { namespace } = this;
    const lists = await Promise.all([
      workflowService.listOpenWorkflowExecutions({ namespace }),
      workflowService.listClosedWorkflowExecutions({ namespace }),
    ]);
    const found = lists
      .flatMap(({ executions }) => executions)
      .filter((execution) => execution.type?.name === type)
      .sort((a, b) => tsToMs(a.startTime) - tsToMs(b.startTime));
    const handles = found.map(({ execution }) =>
      this.client.workflow.getHandle(execution!.workflowId!, execution!.runId!),
    );
    const here = await Promise.all(
      handles.map((handle) =>
        handle.describe().then(
          () => true,
          () => false,
        ),
      ),
    );
    return handles.filter((_, i) => here[i]);
  }

  /** The ids of a run's activities that have not ended. */
  async pendingActivities(workflowId: string): Promise<string[]> {
    const { raw } = await this.client.workflow.getHandle(workflowId).describe();
    return (raw.pendingActivities ?? []).map(({ activityId }) => activityId ?? '');
  }

  /** Until the server knows that an activity has ended, and the run has done what that led to. */
  async untilTaskDone(workflowId: string, endedActivity: string): Promise<void> {
    while ((await this.pendingActivities(workflowId)).includes(endedActivity)) await pause(1);
    try {
      // Any query is answered between two tasks.
      await this.client.workflow.getHandle(workflowId).query('__temporal_workflow_metadata');
    } catch (error) {
      // The run has ended, and cancels nothing.
      if (!(error instanceof WorkflowNotFoundError || error instanceof QueryNotRegisteredError)) throw error;
    }
  }

  private async lookAt(id: string, runId: string): Promise<Look> {
    try {
      const { events } = await this.client.workflow.getHandle(id, runId).fetchHistory();
      const history = events ?? [];
      const isBusy = hasOpenTask(history) || hasOpenRequest(history);
      const [activities, timersMs] = [activitiesOf(history), timersOf(history)];
      return {
        length: history.length,
        open: { id, isBusy, defect: defectOf(history), activities, timersMs },
      };
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return { length: 0, open: null };
      throw error;
    }
  }

  /** Ends all workflows of the namespace: nobody would work for them any more, and time would stand still for good. */
  async terminateAll(): Promise<void> {
    for (const { id } of await this.look())
      await this.client.workflow
        .getHandle(id)
        .terminate('the test stack stops')
        .catch(() => {});
  }

  /** The server ends with its last user. */
  async stop(): Promise<void> {
    if (this.isStopped || shared === null) return;
    this.isStopped = true;
    if (--shared.users > 0) return;
    shared = null;
    await this.environment.teardown();
  }
}

function startEnvironment(): Promise<TestWorkflowEnvironment> {
  const context = { env: process.env, report: (line: string) => console.error(line) };
  quietRuntime();
  return ensureTemporalTestServer(context).then(createTimeSkipping);
}

/** The SDK gives the server 5 s, which a machine under load may not have for it. */
const START_ATTEMPTS = 4;

/** Starts the server that is in this file. */
export async function createTimeSkipping(path: string): Promise<TestWorkflowEnvironment> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await TestWorkflowEnvironment.createTimeSkipping({
        server: { executable: { type: 'existing-path', path } },
      });
    } catch (error) {
      if (attempt === START_ATTEMPTS || !/did not start within/i.test((error as Error).message)) throw error;
    }
  }
}

/** Failures of jobs are what tests are about: nobody wants a log of them. A runtime of the test's own stays. */
export function quietRuntime(): void {
  const filter = makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' });
  try {
    Runtime.install({
      logger: new DefaultLogger('ERROR'),
      telemetryOptions: { logging: { filter, forward: {} } },
    });
  } catch (error) {
    if ((error as Error).name !== 'IllegalStateError') throw error;
  }
}

function hasOpenTask(events: readonly HistoryEvent[]): boolean {
  const last = [...events].reverse().find(({ eventType }) => TASK_EVENTS.has(eventType!));
  return last !== undefined && OPEN_TASK_EVENTS.has(last.eventType!);
}

const { EventType } = temporal.api.enums.v1;
const OPEN_TASK_EVENTS: ReadonlySet<number> = new Set([
  EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
  EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED,
]);
const DONE_TASK_EVENTS: ReadonlySet<number> = new Set([
  EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
  EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED,
  EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT,
]);
const TASK_EVENTS: ReadonlySet<number> = new Set([...OPEN_TASK_EVENTS, ...DONE_TASK_EVENTS]);

/** Signals and child runs that the server is about to deliver or start. */
function hasOpenRequest(events: readonly HistoryEvent[]): boolean {
  const open = new Set<string>();
  for (const { eventId, eventType, ...attributes } of events) {
    if (REQUEST_EVENTS.has(eventType!)) open.add(String(eventId));
    for (const attribute of Object.values(attributes))
      open.delete(String((attribute as { initiatedEventId?: unknown } | null)?.initiatedEventId));
  }
  return open.size > 0;
}

const REQUEST_EVENTS: ReadonlySet<number> = new Set([
  EventType.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED,
  EventType.EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED,
  EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED,
]);

/** The server tries a failed workflow task for ever. */
function defectOf(events: readonly HistoryEvent[]): string | null {
  const last = [...events].reverse().find(({ eventType }) => DONE_TASK_EVENTS.has(eventType!));
  const failure = last?.workflowTaskFailedEventAttributes?.failure;
  return failure ? [failure.message, failure.stackTrace].filter(Boolean).join('\n') : null;
}

/** The ids of activities that were scheduled and have not ended. */
function activitiesOf(events: readonly HistoryEvent[]): string[] {
  const activities = new Map<string, string>();
  for (const event of events) {
    const scheduled = event.activityTaskScheduledEventAttributes;
    const ended =
      event.activityTaskCompletedEventAttributes ??
      event.activityTaskFailedEventAttributes ??
      event.activityTaskTimedOutEventAttributes ??
      event.activityTaskCanceledEventAttributes;
    if (scheduled) activities.set(String(event.eventId), scheduled.activityId!);
    if (ended) activities.delete(String(ended.scheduledEventId));
  }
  return [...activities.values()];
}

/** When the timers that were started and have not ended fire. */
function timersOf(events: readonly HistoryEvent[]): number[] {
  const timers = new Map<string, number>();
  for (const { eventTime, ...event } of events) {
    const started = event.timerStartedEventAttributes;
    const ended = event.timerFiredEventAttributes ?? event.timerCanceledEventAttributes;
    if (started) timers.set(started.timerId!, tsToMs(eventTime) + tsToMs(started.startToFireTimeout));
    if (ended) timers.delete(ended.timerId!);
  }
  return [...timers.values()];
}
