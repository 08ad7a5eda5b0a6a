import { setTimeout as sleep } from 'node:timers/promises';
import { DescribeClusterCommand } from '@aws-sdk/client-emr';
import { defineTask, field, SluiceError } from 'sluice';
import { withClients, type Clients } from '../aws/clients';
import { readParts } from '../aws/lookAtCluster';
import { readNewest } from '../aws/readMetrics';
import { clusterId } from './_fields';

/** How far a resize was at a time. */
export interface Sample {
  /** Since the first. */
  seconds: number;
  nodes: number;
  /** Blocks that are short of copies, as those of a node that goes are. Null where no metric tells. */
  blocksLeft: number | null;
}

const FIRST_WAIT_MS = 500;
const MAX_WAIT_MS = 30_000;
/** More make no better picture; then every other one goes. */
const MAX_SAMPLES = 120;

/** Follows a resize to its end and reports how far it is. A group that changes and blocks that are short go on. */
export const watchResize = defineTask(
  {
    name: 'watch-resize',
    about: 'Follows a resize until what was asked for runs, and tells how many nodes and blocks are left.',
    input: { clusterId, part: field.text(), target: field.integer() },
  },
  async ({ clusterId, part: name, target }, { signal, report, resumed, keep }) => {
    const kept = resumed as { startedAt: number; samples: Sample[] } | undefined;
    const { startedAt, samples } = kept ?? { startedAt: Date.now(), samples: [] };
    await withClients(async (clients) => {
      for (let wait = FIRST_WAIT_MS; ; wait = Math.min(MAX_WAIT_MS, wait * 1.2)) {
        const { part, blocksLeft } = await readProgress(clients, clusterId, name);
        const seconds = (Date.now() - startedAt) / 1000;
        samples.push({ seconds, nodes: part.running, blocksLeft });
        if (samples.length > MAX_SAMPLES)
          samples.splice(0, samples.length, ...samples.filter((_, i) => i % 2 === 0));
        keep({ startedAt, samples });
        report({ nodes: part.running, nodesDraining: Math.max(0, part.running - target), blocksLeft });
        const isSteady = part.requested === target && part.state === 'RUNNING';
        const isThere = part.kind === 'fleet' || part.running === target;
        if (isSteady && isThere && (blocksLeft ?? 0) === 0) return;
        await sleep(wait, undefined, { signal });
      }
    });
    return { payload: { samples } };
  },
);

async function readProgress(clients: Clients, ClusterId: string, name: string) {
  const { Cluster = {} } = await clients.emr.send(new DescribeClusterCommand({ ClusterId }));
  const { parts } = await readParts(clients, Cluster);
  const part = parts.find((other) => other.name === name);
  if (part === undefined) throw new SluiceError('InvalidJob', `cluster ${ClusterId} has no ${name} any more`);
  const { UnderReplicatedBlocks } = await readNewest(clients, ClusterId, ['UnderReplicatedBlocks']);
  return { part, blocksLeft: UnderReplicatedBlocks };
}
