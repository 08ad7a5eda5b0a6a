import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { REAP_WORKFLOW, type ReapInput, type ReapResult } from '../contracts/reap';
import { EXIT } from './errors';
import { addJson, parseAgo, type JsonOption } from './options';
import { formatTable, note, print, printJson } from './output';
import { readProject } from './project';
import { withSession, type Session } from './session';

interface ReapOptions extends JsonOption {
  dryRun?: boolean;
  /** Milliseconds. */
  within?: number;
}

/** After so long without an end it is said what may be the reason. */
const PATIENCE_MS = 15_000;
const WITHIN_MS = 7 * 86_400_000;

export function addReap(program: Command): void {
  const command = program
    .command('reap')
    .description('stop what ended runs have left running in their services')
    .option('--dry-run', 'only say what there is')
    .option('--within <duration>', 'of runs that ended within this time (default 7 days)', parseAgo)
    .addHelpText('after', '\nExample:\n  $ sluice reap --dry-run');
  addJson(command).action(async ({ dryRun = false, within = WITHIN_MS, json }: ReapOptions) => {
    const { config } = await readProject(program);
    const result = await withSession(
      (session) => reap(session, { withinMs: within, graceMs: 0, dryRun }),
      config,
    );
    if (json) printJson(result);
    else printResult(result);
    if (result.jobs.some(({ outcome }) => outcome === 'leaked')) process.exitCode = EXIT.failed;
  });
}

async function reap({ client, config }: Session, input: ReapInput): Promise<ReapResult> {
  const handle = await client.workflow.start(REAP_WORKFLOW, {
    taskQueue: config.taskQueue,
    workflowId: `sluice-reap-${randomBytes(4).toString('hex')}`,
    args: [input],
    workflowExecutionTimeout: '1 day',
    staticSummary: 'stops what ended runs have left running',
  });
  const ended = new AbortController();
  const patience = sleep(PATIENCE_MS, undefined, { signal: ended.signal }).then(
    () =>
      note(`It goes on as ${handle.workflowId}; it needs a worker on the task queue ${config.taskQueue}.`),
    () => {},
  );
  try {
    return (await handle.result()) as ReapResult;
  } finally {
    ended.abort();
    await patience;
  }
}

function printResult({ runs, jobs, more }: ReapResult): void {
  if (jobs.length === 0) return print(`Nothing is left running of ${runs} ended runs.`);
  const rows = jobs.map(({ run, step, resource, externalId, outcome, message }) => [
    ...[run, step, resource, externalId ?? '', outcome],
    message ?? '',
  ]);
  print(formatTable(['RUN', 'STEP', 'RESOURCE', 'JOB', 'OUTCOME', ''], rows));
  if (more) note('There is more; run it again.');
}
