import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { Config } from '../setup/config';
import { SluiceError } from '../errors';
import type { Arrival, Pipeline } from '../pipelines';
import { arrivalsWorkflowId, sourceOf, sourcesAbove, type Source } from '../pipelines/location';
import type { WaitingRuns } from './waitingRuns';
import { arrivalsSeenSignal, arrivalsWorkflowOptions, type SeenArrival } from '../contracts/messages';

/** How long a source's arrivals are gathered for one signal. */
const GATHER_MS = 10;
/** What one signal holds at most, below the 2 MiB of a payload: an arrival has some 1.3 KiB at worst. */
const SIGNAL_ARRIVALS = 500;
/** How many arrivals may wait for Temporal, each once a source, before more are refused. */
const QUEUED_ARRIVALS = 20_000;
/** Temporal is not waited for longer; the sender sends again. */
const SIGNAL_TIMEOUT_MS = 5_000;
/**
 * How long a source that nobody waits on is not asked again. A run may begin to wait on it in this time, and an object may
 * come of which its `arrivals` workflow is told nothing. So that workflow lists the source once more when this time has
 * passed since its start (`SECOND_LISTING_MS`), and finds the object, which was in S3 before its event.
 */
const UNKNOWN_SOURCE_MS = 5_000;
const UNKNOWN_SOURCES = 10_000;

/** The sources that pipelines wait on with their default input and this lake: their arrivals are remembered from the first. */
export function knownSources(lake: string, pipelines: readonly Pipeline[]): Source[] {
  const patterns = pipelines.flatMap((pipeline) => pipeline.sources({ lake }));
  return patterns.map(sourceOf).filter((source) => source !== null);
}

/** What is on its way to one `arrivals` workflow. */
interface Queue {
  source: Source;
  entries: { arrivals: SeenArrival[]; done: (error?: Error) => void }[];
  isSending: boolean;
}

/**
 * Hands arrivals to the `arrivals` workflows of every source above each object: known sources are started when they are
 * not there, of the others only those are told on which a run waits. What comes within some milliseconds goes in one
 * signal a source. Runs that are known to wait are told themselves before. Resolves once Temporal has accepted all signals.
 * @throws SluiceError Throttled when too much is waiting for Temporal already
 */
export function createAcceptArrivals(
  client: Client,
  config: Pick<Config, 'taskQueue' | 'listEveryMs' | 'lake'> & { pipelines: readonly Pipeline[] },
  waitingRuns?: WaitingRuns,
) {
  const known = new Set(knownSources(config.lake, config.pipelines).map(arrivalsWorkflowId));
  const unknownUntil = new Map<string, number>();
  const queues = new Map<string, Queue>();
  let queued = 0;

  const signal = async (id: string, source: Source, arrivals: SeenArrival[]): Promise<void> => {
    if (known.has(id)) {
      await client.workflow.signalWithStart('arrivals', {
        ...arrivalsWorkflowOptions(source, config),
        signal: arrivalsSeenSignal,
        signalArgs: [arrivals],
      });
      return;
    }
    const askedMs = Date.now();
    try {
      await client.workflow.getHandle(id).signal(arrivalsSeenSignal, arrivals);
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
      if (unknownUntil.size >= UNKNOWN_SOURCES) unknownUntil.clear();
      unknownUntil.set(id, askedMs + UNKNOWN_SOURCE_MS);
    }
  };

  /** Sends one signal after the other, so that more is gathered while Temporal is slow. */
  const sendAll = async (id: string, queue: Queue): Promise<void> => {
    queue.isSending = true;
    await new Promise((resolve) => setTimeout(resolve, GATHER_MS));
    while (queue.entries.length > 0) {
      const arrivals: SeenArrival[] = [];
      const sent: Queue['entries'] = [];
      for (let next = queue.entries[0]; next !== undefined; next = queue.entries[0]) {
        if (sent.length > 0 && arrivals.length + next.arrivals.length > SIGNAL_ARRIVALS) break;
        arrivals.push(...next.arrivals);
        sent.push(queue.entries.shift()!);
      }
      let failure: Error | undefined;
      try {
        const deadline = Date.now() + SIGNAL_TIMEOUT_MS;
        await client.withDeadline(deadline, () => signal(id, queue.source, arrivals));
      } catch (error) {
        failure = error as Error;
      }
      queued -= arrivals.length;
      for (const { done } of sent) done(failure);
    }
    queues.delete(id);
  };

  const enqueue = (id: string, source: Source, arrivals: SeenArrival[]): Promise<void> => {
    const untilMs = unknownUntil.get(id);
    if (untilMs !== undefined && Date.now() < untilMs) return Promise.resolve();
    unknownUntil.delete(id);
    const queue = queues.get(id) ?? { source, entries: [], isSending: false };
    queues.set(id, queue);
    queued += arrivals.length;
    return new Promise((resolve, reject) => {
      const done = (error?: Error) => (error === undefined ? resolve() : reject(error));
      for (let first = 0; first < arrivals.length; first += SIGNAL_ARRIVALS) {
        const part = arrivals.slice(first, first + SIGNAL_ARRIVALS);
        const isLast = first + part.length >= arrivals.length;
        queue.entries.push({ arrivals: part, done: isLast ? done : (error) => error && done(error) });
      }
      if (!queue.isSending) void sendAll(id, queue);
    });
  };

  return async (arrivals: Arrival[]): Promise<void> => {
    const seen: SeenArrival[] = waitingRuns === undefined ? arrivals : await waitingRuns.tell(arrivals);
    // Beside the enqueueing, with no await between: others may have come meanwhile.
    if (queued + arrivals.length > QUEUED_ARRIVALS) {
      throw new SluiceError(
        'Throttled',
        `${queued} arrivals wait for Temporal already; send these again later`,
      );
    }
    const bySource = new Map<string, { source: Source; arrivals: SeenArrival[] }>();
    for (const arrival of seen) {
      for (const source of sourcesAbove(arrival.bucket, arrival.key)) {
        const id = arrivalsWorkflowId(source);
        const entry = bySource.get(id) ?? { source, arrivals: [] };
        entry.arrivals.push(arrival);
        bySource.set(id, entry);
      }
    }
    await Promise.all([...bySource].map(([id, entry]) => enqueue(id, entry.source, entry.arrivals)));
  };
}
