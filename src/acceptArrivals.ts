import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { arrivalsWorkflowOptions } from './activities/arrivals';
import type { Config } from './config';
import { PIPELINES, type Arrival, type Pipeline } from './pipelines';
import { arrivalsWorkflowId, sourceOf, sourcesAbove, type Source } from './pipelines/location';
import { arrivalsSeenSignal } from './workflows/messages';

/** The sources that pipelines wait on with their default input and this lake: their arrivals are remembered from the first. */
export function knownSources(lake: string, pipelines: readonly Pipeline[] = PIPELINES): Source[] {
  const patterns = pipelines.flatMap((pipeline) => pipeline.sources({ lake }));
  return patterns.map(sourceOf).filter((source) => source !== null);
}

/**
 * Hands arrivals to the `arrivals` workflows of every source above each object: known sources are started when they are
 * not there, of the others only those are told on which a run waits. Resolves once Temporal has accepted all signals.
 */
export function createAcceptArrivals(
  client: Client,
  config: Pick<Config, 'taskQueue' | 'listEveryMs' | 'lake'>,
) {
  const known = new Set(knownSources(config.lake).map(arrivalsWorkflowId));
  return async (arrivals: Arrival[]): Promise<void> => {
    const bySource = new Map<string, { source: Source; arrivals: Arrival[] }>();
    for (const arrival of arrivals) {
      for (const source of sourcesAbove(arrival.bucket, arrival.key)) {
        const id = arrivalsWorkflowId(source);
        const entry = bySource.get(id) ?? { source, arrivals: [] };
        entry.arrivals.push(arrival);
        bySource.set(id, entry);
      }
    }
    await Promise.all(
      [...bySource].map(async ([id, { source, arrivals: seen }]) => {
        if (known.has(id)) {
          await client.workflow.signalWithStart('arrivals', {
            ...arrivalsWorkflowOptions(source, config),
            signal: arrivalsSeenSignal,
            signalArgs: [seen],
          });
          return;
        }
        try {
          await client.workflow.getHandle(id).signal(arrivalsSeenSignal, seen);
        } catch (error) {
          if (!(error instanceof WorkflowNotFoundError)) throw error;
        }
      }),
    );
  };
}
