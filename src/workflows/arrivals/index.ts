import {
  CancellationScope,
  continueAsNew,
  getExternalWorkflowHandle,
  isCancellation,
  log,
  patched,
  proxyActivities,
  setHandler,
} from '@temporalio/workflow';
import type { Activities } from '../../contracts/activities';
import {
  addTriggerSignal,
  arrivalsSeenSignal,
  arrivedSignal,
  removeTriggerSignal,
  retryingSignal,
  subscribeSignal,
  triggersQuery,
  unsubscribeSignal,
  type ArrivalsInput,
} from '../../contracts/messages';
import { HEARTBEAT_TIMEOUT } from '../steps/activities';
import { historySize, outliveDeployments, untilDue } from '../machineLoop';
import { isReportable, toFailure } from '../steps/failures';
import type { Carried } from './carry';
import type { Signal } from './outbox';
import { SourceMachine, type Telling, type Work } from './sourceMachine';

const OPTIONS = {
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  retry: { initialInterval: '1 s', maximumAttempts: 5 },
} as const;
const { areStored, findResets, listSource, readRetention } = proxyActivities<Activities>({
  startToCloseTimeout: '2 minutes',
  ...OPTIONS,
});
const { startRuns } = proxyActivities<Activities>({ startToCloseTimeout: '5 minutes', ...OPTIONS });

/**
 * The memory of one source: `SourceMachine` decides, and this carries out what it says and tells it how that ended.
 * @param carried what the history before has handed over
 */
export async function arrivals(input: ArrivalsInput, carried?: Carried): Promise<void> {
  const machine = new SourceMachine(input, carried ?? null, Date.now(), patched);
  setHandler(arrivalsSeenSignal, (seen) => machine.seen(seen, Date.now()));
  setHandler(subscribeSignal, (of) => machine.subscribe(of));
  setHandler(unsubscribeSignal, (of) => machine.unsubscribe(of));
  setHandler(addTriggerSignal, (of) => machine.addTrigger(of, Date.now()));
  setHandler(removeTriggerSignal, (of) => machine.removeTrigger(of));
  setHandler(triggersQuery, () => machine.triggerStatuses());

  let work = new CancellationScope();
  /** A defect of this code, which must fail the workflow's task and not one piece of work. */
  let defect: Error | undefined;
  for (;;) {
    const plan = machine.next(Date.now(), historySize());
    for (const { level, message, attributes } of plan.log) log[level](message, attributes);
    if (plan.isOver) return;
    if (plan.carried !== null) await continueAsNew<typeof arrivals>(input, plan.carried);
    if (plan.abandon) {
      work.cancel();
      work = new CancellationScope();
    }
    for (const next of plan.work) {
      const isQuick = next.kind === 'signal runs' || next.kind === 'find resets' || next.kind === 'tell runs';
      const done = isQuick ? carryOut(machine, next) : work.run(() => carryOut(machine, next));
      done.catch((error: unknown) => (defect ??= error as Error));
    }
    await untilDue(machine, () => defect !== undefined);
    if (defect !== undefined) throw defect;
  }
}

outliveDeployments(arrivals);

/** Does one piece of work, and tells the machine how it ended. */
async function carryOut(machine: SourceMachine, work: Work): Promise<void> {
  try {
    switch (work.kind) {
      case 'check stored':
        return machine.checked(work, await areStored(work.arrivals));
      case 'signal runs':
        return machine.signalled(work, await Promise.all(work.signals.map(signalRun)));
      case 'find resets': {
        const runs = work.unsent.map(({ of: { workflowId, runId } }) => ({ workflowId, runId }));
        return machine.resetsFound(work, await findResets(runs));
      }
      case 'start runs': {
        const { trigger, arrivals: starting } = work.batch;
        const { pipeline, input, taskQueue } = trigger.of;
        const outcomes = await startRuns.executeWithOptions({ summary: pipeline }, [
          { pipeline, input, ...(taskQueue === undefined ? {} : { taskQueue }) },
          starting,
        ]);
        return machine.started(work, outcomes, Date.now());
      }
      case 'list page': {
        const { since, after } = work.listing;
        return machine.listed(work, await listSource(machine.input.source, since, after), Date.now());
      }
      case 'tell runs':
        await Promise.all(work.tellings.map(tellRun));
        return machine.told(work);
      case 'read retention':
        return machine.retentionRead(work, await readRetention());
    }
  } catch (error) {
    if (!isReportable(error)) throw error;
    if (isCancellation(error)) machine.abandoned(work);
    else {
      const { code, message } = toFailure(error, null);
      const failure = { code, message };
      // In histories that began before, no run hears of it.
      if (work.kind === 'list page' && patched('runs-hear-of-listings'))
        machine.noteFailedListing(failure, Date.now());
      machine.failed(work, failure, Date.now());
    }
  }
}

/** A run that is gone need not know. */
async function tellRun({ of, report }: Telling): Promise<void> {
  try {
    await getExternalWorkflowHandle(of.workflowId, of.runId).signal(retryingSignal, report);
  } catch (error) {
    if (!isReportable(error) || isCancellation(error)) throw error;
  }
}

/** Whether the run was there. */
async function signalRun({ of, chunk }: Signal): Promise<boolean> {
  try {
    await getExternalWorkflowHandle(of.workflowId, of.runId).signal(arrivedSignal, chunk);
    return true;
  } catch (error) {
    if (!isReportable(error) || isCancellation(error)) throw error;
    return false;
  }
}
