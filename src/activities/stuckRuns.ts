import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/common';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow';
import { tsToMs } from '@temporalio/common/lib/time';
import { temporal } from '@temporalio/proto';
import type { Notification } from '../contracts/activities';
import type { RunMemo } from '../contracts/messages';
import type { SluiceError } from '../errors';
import { everyMinute } from '../services/everyMinute';
import { explainProblems, findProblems, type Problem } from '../services/runProblems';
import type { Logger } from '../setup/logging';
import type { RunOptions } from '../workflows/steps';
import { tell, type NotifyDependencies } from './notify';

export interface StuckRunsDependencies extends Omit<NotifyDependencies, 'readCost'> {
  client: Client;
  taskQueue: string;
  /** How long a run may be stuck before it is told. */
  stuckAfterMs: number;
  /** The worker that this process is, or null: one that looks only while there is no worker. */
  identity: string | null;
}

/** A worker that polls asks the server once a minute at least. */
const POLLER_LASTS_MS = 2 * 60_000;
const SIDE_BY_SIDE = 4;
const { TaskQueueType } = temporal.api.enums.v1;

interface StuckRun {
  run: Pick<WorkflowExecutionInfo, 'workflowId' | 'runId' | 'startTime'>;
  pipeline: string;
  problem: Problem;
  target: string;
}

/**
 * Tells of what keeps runs from going on and they cannot know themselves: work that no worker takes up, and code that cannot go on
 * with a run. Of the workers of a task queue the first by name looks, and the webhook while there is none. It is told once, for
 * all runs that are stuck for one reason, where these tell their ends; a process that takes over tells it once more.
 */
export class StuckRuns {
  /** By run id and code. */
  private told = new Set<string>();

  constructor(private readonly deps: StuckRunsDependencies) {}

  /** Looks once a minute until the signal comes. It never fails. */
  follow(signal: AbortSignal, log: Pick<Logger, 'warn'>): Promise<void> {
    const work = async () => {
      if (await this.isToLook()) await this.look(Date.now());
    };
    const onFailure = ({ code, message }: SluiceError) =>
      log.warn({ code, error: message }, 'it is not known which runs are stuck');
    return everyMinute(work, { signal, onFailure });
  }

  /** @param now milliseconds since 1970 */
  async look(now: number): Promise<void> {
    const { client, stuckAfterMs } = this.deps;
    const query = `ExecutionStatus = 'Running' AND TaskQueue = '${this.deps.taskQueue.replace(/[\\']/g, '\\$&')}'`;
    const running = client.workflow.list({ query, pageSize: 1000 })[Symbol.asyncIterator]();
    const stuck: StuckRun[] = [];
    const seen = new Set<string>();
    const work = async () => {
      for (let next = await running.next(); !next.done; next = await running.next())
        for (const problem of await this.findProblems(next.value, now)) {
          if (now - Date.parse(problem.since) < stuckAfterMs) continue;
          const name = nameOf(next.value, problem);
          seen.add(name);
          const target = this.told.has(name) ? null : await this.readTarget(next.value);
          const pipeline = (next.value.memo as Partial<RunMemo> | undefined)?.pipeline ?? next.value.type;
          if (target !== null) stuck.push({ run: next.value, pipeline, problem, target });
        }
    };
    await Promise.all(Array.from({ length: SIDE_BY_SIDE }, work));
    for (const alike of groupAlike(stuck)) {
      await this.tellOf(alike);
      for (const { run, problem } of alike) this.told.add(nameOf(run, problem));
    }
    // What goes on and is stuck once more is told once more.
    this.told = new Set([...this.told].filter((name) => seen.has(name)));
  }

  private async isToLook(): Promise<boolean> {
    const { client, taskQueue: name, identity } = this.deps;
    const { pollers } = await client.workflowService.describeTaskQueue({
      namespace: client.options.namespace,
      taskQueue: { name },
      taskQueueType: TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    });
    const alive = pollers
      .filter(({ lastAccessTime }) => lastAccessTime && Date.now() - tsToMs(lastAccessTime) < POLLER_LASTS_MS)
      .map((poller) => poller.identity ?? '')
      .sort();
    return alive.length === 0 || alive[0] === identity;
  }

  private async findProblems({ workflowId, runId }: WorkflowExecutionInfo, now: number): Promise<Problem[]> {
    const { client } = this.deps;
    try {
      const { raw } = await client.workflow.getHandle(workflowId, runId).describe();
      return await explainProblems(client, { workflowId, runId }, findProblems(raw, now));
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return [];
      throw error;
    }
  }

  /** Where the run tells its end, by what it was started with; a child run by what its parent was. */
  private async readTarget({ workflowId, runId }: WorkflowExecutionInfo): Promise<string | null> {
    const { client, target } = this.deps;
    const { history } = await client.workflowService.getWorkflowExecutionHistory({
      namespace: client.options.namespace,
      execution: { workflowId, runId },
      maximumPageSize: 1,
    });
    const started = history?.events?.[0]?.workflowExecutionStartedEventAttributes;
    const given = await decodeArrayFromPayloads(client.options.loadedDataConverter, started?.input?.payloads);
    const [input, options] = given as [{ notify?: unknown } | undefined, RunOptions | undefined];
    return typeof input?.notify === 'string' ? input.notify : (options?.notify ?? target);
  }

  private async tellOf([first, ...others]: StuckRun[]): Promise<void> {
    const { run, pipeline, problem, target } = first!;
    const { code, message } = problem;
    const more = others.length === 0 ? '' : `; ${others.length} more runs are stuck for this reason`;
    const notification: Notification = {
      ...{ event: 'stuck', pipeline, state: 'running', measures: {}, endedAt: null },
      run: { id: run.workflowId, runId: run.runId },
      failure: { code, message: message + more, step: null },
      startedAt: run.startTime.toISOString(),
    };
    const { namespace } = this.deps.client.options;
    await tell(this.deps, { target, namespace, notification });
  }
}

function nameOf({ runId }: Pick<WorkflowExecutionInfo, 'runId'>, { code }: Problem): string {
  return `${runId} ${code}`;
}

/** Those of one reason and one place together, the longest first: no worker at all, or the code of one pipeline. */
function groupAlike(stuck: StuckRun[]): StuckRun[][] {
  const groups = new Map<string, StuckRun[]>();
  for (const one of [...stuck].sort((a, b) => Date.parse(a.problem.since) - Date.parse(b.problem.since))) {
    const { target, pipeline, problem } = one;
    const name = JSON.stringify([target, problem.code, problem.code === 'NoWorker' ? '' : pipeline]);
    groups.set(name, [...(groups.get(name) ?? []), one]);
  }
  return [...groups.values()];
}
