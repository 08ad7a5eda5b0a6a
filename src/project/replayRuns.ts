import type { Client } from '@temporalio/client';
import { Worker, type WorkerOptions } from '@temporalio/worker';
import type { temporal } from '@temporalio/proto';
import { defaultPayloadConverter, type DataConverter } from '@temporalio/common';

type History = temporal.api.history.v1.IHistory;

/** A run whose history does not fit the code any more: its next step would fail for ever. */
export interface Misfit {
  id: string;
  pipeline: string;
  /** Where the code and the history part, as far as the error says; else where the run is. */
  step: string | null;
}

/** More than a person can look through; the newest come first. */
const REPLAYED = 100;

export interface ReplayRuns {
  client: Client;
  taskQueue: string;
  pipelines: readonly string[];
  workflows: Pick<WorkerOptions, 'workflowBundle' | 'workflowsPath'>;
  /** What reads their payloads. */
  dataConverter: DataConverter;
  /** Ends it early. */
  signal: AbortSignal;
}

/** Replays the histories of the project's running runs on new code, and tells those that do not fit it. */
export async function* replayRuns(options: ReplayRuns): AsyncGenerator<Misfit> {
  const { client, taskQueue, pipelines, workflows, dataConverter, signal } = options;
  const names = pipelines.map((name) => `'${name}'`).join(', ');
  const query = `ExecutionStatus = 'Running' AND TaskQueue = '${taskQueue}' AND WorkflowType IN (${names})`;
  let left = REPLAYED;
  for await (const run of client.workflow.list({ query, pageSize: REPLAYED })) {
    if (signal.aborted || left-- === 0) return;
    const history = await client.workflow.getHandle(run.workflowId, run.runId).fetchHistory();
    const error = await Worker.runReplayHistory(
      { ...workflows, dataConverter },
      history,
      run.workflowId,
    ).then(
      () => null,
      (cause: unknown) => cause as Error,
    );
    if (error === null || !isMisfit(error)) continue;
    const { SluiceStep } = run.searchAttributes as { SluiceStep?: string[] };
    yield {
      id: run.workflowId,
      pipeline: run.type,
      step: (await stepOf(error.message, history, dataConverter)) ?? SluiceStep?.[0] ?? null,
    };
  }
}

/** All else is a fault of the replay. */
function isMisfit(error: Error): boolean {
  return error.name === 'DeterminismViolationError' || /nondeterminism/i.test(error.message);
}

/** The step of the event that the error names; activities, timers and child runs are marked with their step. */
async function stepOf(
  message: string,
  { events }: History,
  { payloadCodecs = [] }: DataConverter,
): Promise<string | null> {
  const id = /HistoryEvent\(id: (\d+)/.exec(message)?.[1];
  const event = events?.find(({ eventId }) => String(eventId) === id);
  const summary = event?.userMetadata?.summary;
  if (!summary) return null;
  const [payload] = (await payloadCodecs[0]?.decode([summary])) ?? [summary];
  return defaultPayloadConverter.fromPayload<string>(payload!);
}
