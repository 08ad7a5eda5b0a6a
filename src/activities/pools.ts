import { setTimeout } from 'node:timers/promises';
import { WithStartWorkflowOperation, WorkflowNotFoundError, type Client } from '@temporalio/client';
import { SluiceError } from '../errors';
import type { Activities } from '../contracts/activities';
import {
  askPool,
  poolWorkflowId,
  type PoolRequest,
  type RunName,
  type SlotsAnswer,
  type SlotsAsk,
} from '../contracts/pools';
import { toActivityFailure } from '../services/failures';
import { findReset, mapSideBySide } from './arrivals';

/** How many jobs run at once, by the name of the pool: a resource, or a name that jobs give. */
export type Limits = Readonly<Record<string, number>>;

export interface PoolDependencies {
  client: Client;
  taskQueue: string;
  limits: Limits;
}

/** What comes within so long goes in one call. */
const GATHER_MS = 5;
const ASKS_AT_ONCE = 100;
const ASK_TIMEOUT_MS = 10_000;

/** `askSlots`, by which runs ask pools, and `findOpenRuns`, by which pools find the slots of runs that have ended. */
export function createPoolActivities(deps: PoolDependencies): Pick<Activities, 'askSlots' | 'findOpenRuns'> {
  const pools = new Map<string, Pool>();
  const asOfMs = Date.now();
  return {
    async askSlots(name, ask) {
      let pool = pools.get(name);
      if (pool === undefined) {
        // A worker of a project that no longer has the limit lets all go.
        const slots = deps.limits[name] ?? Number.MAX_SAFE_INTEGER;
        pools.set(name, (pool = new Pool(name, deps, { slots, slotsAsOfMs: asOfMs })));
      }
      try {
        return await pool.ask(ask);
      } catch (error) {
        throw toActivityFailure(error);
      }
    },

    findOpenRuns: (runs) => mapSideBySide(runs, (run) => findOpenRun(deps.client, run)),
  };
}

/** The run id of the run, or of the one that goes on with it after a reset; null when it has ended. */
async function findOpenRun(client: Client, { workflowId, runId }: RunName): Promise<string | null> {
  try {
    const { status } = await client.workflow.getHandle(workflowId, runId).describe();
    if (status.name === 'RUNNING') return runId;
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
  return findReset(client, { workflowId, runId });
}

interface Call {
  ask: SlotsAsk;
  resolve: (answer: SlotsAnswer) => void;
  reject: (error: unknown) => void;
}

/** One pool as this worker speaks with it: one call at a time, with all that its runs ask meanwhile in the next. */
class Pool {
  private readonly calls: Call[] = [];
  private isAsking = false;

  constructor(
    private readonly name: string,
    private readonly deps: PoolDependencies,
    private readonly limit: Pick<PoolRequest, 'slots' | 'slotsAsOfMs'>,
  ) {}

  /** @throws SluiceError Transient when the pool does not answer */
  ask(ask: SlotsAsk): Promise<SlotsAnswer> {
    return new Promise((resolve, reject) => {
      this.calls.push({ ask, resolve, reject });
      if (!this.isAsking) void this.askUntilDone();
    });
  }

  private async askUntilDone(): Promise<void> {
    this.isAsking = true;
    await setTimeout(GATHER_MS);
    while (this.calls.length > 0) await this.askTogether(this.calls.splice(0, ASKS_AT_ONCE));
    this.isAsking = false;
  }

  private async askTogether(calls: Call[]): Promise<void> {
    try {
      const answers = await this.request({ ...this.limit, asks: calls.map(({ ask }) => ask) });
      for (const [i, { resolve }] of calls.entries()) resolve(answers[i]!);
    } catch (cause) {
      const reason = String((cause as Error).cause ?? cause);
      const error = new SluiceError('Transient', `The pool ${this.name} did not answer: ${reason}`, {
        cause,
      });
      for (const { reject } of calls) reject(error);
    }
  }

  private request(request: PoolRequest): Promise<SlotsAnswer[]> {
    const { client, taskQueue } = this.deps;
    const workflowId = poolWorkflowId(taskQueue, this.name);
    return client.withDeadline(Date.now() + ASK_TIMEOUT_MS, async () => {
      try {
        return await client.workflow.getHandle(workflowId).executeUpdate(askPool, { args: [request] });
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      }
      const startWorkflowOperation = new WithStartWorkflowOperation('pool', {
        ...{ workflowId, taskQueue, args: [this.name] },
        workflowIdConflictPolicy: 'USE_EXISTING',
      });
      return client.workflow.executeUpdateWithStart(askPool, { args: [request], startWorkflowOperation });
    });
  }
}
