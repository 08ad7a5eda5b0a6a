import { randomBytes } from 'node:crypto';
import type { Pipeline } from '../pipelines';
import type { RunMemo } from '../contracts/messages';
import { runUrl, type Session } from './session';

export interface StartRun {
  pipeline: Pipeline;
  input: Record<string, unknown>;
  id?: string | undefined;
  /** ISO 8601. */
  since?: string | undefined;
  /** How long the run is expected to take, and may take. */
  expectedBy?: string | undefined;
  within?: string | undefined;
}

export interface StartedRun {
  id: string;
  runId: string;
  url: string | null;
}

/** Starts a run. An id that is running is refused; one whose run has ended may be used again. */
export async function startRun(
  session: Session,
  { pipeline, input, id, ...given }: StartRun,
): Promise<StartedRun> {
  const { client, config } = session;
  const options = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const memo: RunMemo = { pipeline: pipeline.name };
  const handle = await client.workflow.start(pipeline.name, {
    taskQueue: config.taskQueue,
    workflowId: id ?? createRunId(pipeline.name),
    args: [input, options],
    memo: { ...memo },
    staticSummary: pipeline.about,
    workflowIdConflictPolicy: 'FAIL',
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
  });
  const runId = handle.firstExecutionRunId;
  return { id: handle.workflowId, runId, url: runUrl(session, handle.workflowId, runId) };
}

function createRunId(pipeline: string): string {
  const time = new Date().toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '-');
  return `${pipeline}-${time}-${randomBytes(2).toString('hex')}`;
}
