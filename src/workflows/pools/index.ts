import {
  continueAsNew,
  getExternalWorkflowHandle,
  patched,
  proxyActivities,
  setCurrentDetails,
  setHandler,
} from '@temporalio/workflow';
import type { Activities } from '../../contracts/activities';
import { askPool, placesQuery, returnSlotsSignal, slotsSignal } from '../../contracts/pools';
import { historySize, outliveDeployments, untilDue } from '../machineLoop';
import { isReportable } from '../steps/failures';
import { PoolMachine, type CarriedPool, type PoolUse, type PoolWork } from './poolMachine';

// It is looked again soon, so a look that fails is not repeated.
const { findOpenRuns } = proxyActivities<Activities>({
  startToCloseTimeout: '1 minute',
  retry: { maximumAttempts: 1 },
});

/**
 * The slots of one pool: `PoolMachine` decides, and this carries out what it says and tells it how that ended.
 * @param carried what the history before has handed over
 */
export async function pool(name: string, carried?: CarriedPool): Promise<void> {
  const machine = new PoolMachine(carried ?? null, Date.now(), patched);
  setHandler(askPool, (request) => machine.ask(request, Date.now()));
  setHandler(returnSlotsSignal, (returned) => machine.returned(returned, Date.now()));
  setHandler(placesQuery, (run) => machine.placesOf(run));

  /** A defect of this code, which must fail the workflow's task and not one piece of work. */
  let defect: Error | undefined;
  for (;;) {
    const { work, carried: handedOver, isOver } = machine.next(Date.now(), historySize());
    if (isOver) return;
    if (handedOver !== null) await continueAsNew<typeof pool>(name, handedOver);
    for (const next of work)
      carryOut(name, machine, next).catch((error: unknown) => (defect ??= error as Error));
    setCurrentDetails(renderPool(name, machine.use()));
    await untilDue(machine, () => defect !== undefined);
    if (defect !== undefined) throw defect;
  }
}

outliveDeployments(pool);

async function carryOut(name: string, machine: PoolMachine, work: PoolWork): Promise<void> {
  if (work.kind === 'tell run') machine.told(work, await tellRun(name, work), Date.now());
  else
    try {
      machine.looked(work, await findOpenRuns(work.runs), Date.now());
    } catch (error) {
      if (!isReportable(error)) throw error;
      machine.lookFailed(work, Date.now());
    }
}

/** Whether the run was there. */
async function tellRun(
  pool: string,
  { run, granted, isNeeded }: Extract<PoolWork, { kind: 'tell run' }>,
): Promise<boolean> {
  try {
    const handle = getExternalWorkflowHandle(run.workflowId, run.runId);
    await handle.signal(slotsSignal, { pool, granted, isNeeded });
    return true;
  } catch (error) {
    if (!isReportable(error)) throw error;
    return false;
  }
}

/** How many runs the Web UI shows. */
const SHOWN = 20;

/** The pool as the Markdown that the Web UI shows under "Current Details". */
function renderPool(name: string, { slots, holders, waiting }: PoolUse): string {
  const given = holders.reduce((sum, holder) => sum + holder.slots, 0);
  const row = (run: string, has: string, sinceMs: number) =>
    `| ${run.replace(/\|/g, '\\|')} | ${has} | ${new Date(sinceMs).toISOString().slice(0, 19)} |`;
  const rows = [
    ...holders.map(({ run, slots: has, sinceMs }) => row(run.workflowId, `${has} of the slots`, sinceMs)),
    ...waiting.map(({ run, step, sinceMs }, i) =>
      row(`${run.workflowId} / ${step}`, `place ${i + 1} in line`, sinceMs),
    ),
  ];
  return [
    `**${name}**: ${given} of ${slots} slots in use, ${waiting.length} in line`,
    '',
    '| run | has | since |',
    '|---|---|---|',
    ...rows.slice(0, SHOWN),
  ].join('\n');
}
