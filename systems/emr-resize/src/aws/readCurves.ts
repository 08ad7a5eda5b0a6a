import type { ClusterFacts } from '../advice/clusterFacts';
import type { Curve } from '../scaling/adviseScaling';
import type { Seen } from '../scaling/reviewScaling';
import type { Clients } from './clients';
import { readSeries, type Span } from './readMetrics';

export interface Curves {
  core: Curve;
  task: Curve;
}

/** EMR's own default for a container, where none has run. */
const CONTAINER_MEGABYTES = 1024;
const PERCENT = 100;

/**
 * What a cluster had to do: containers that arrived in each period for task nodes, and what HDFS held for core nodes, in
 * percent of a node. Containers that wait are counted once, when they begin to.
 */
export async function readCurves(clients: Clients, facts: ClusterFacts, span: Span): Promise<Curves> {
  const names = [
    'ContainerAllocated',
    'ContainerPending',
    'MemoryTotalMB',
    'MemoryAvailableMB',
    'HDFSUtilization',
  ] as const;
  const series = await readSeries(clients, facts.clusterId, names, span);
  const sizeOf = (role: 'core' | 'task') =>
    facts.parts.filter((part) => part.role === role).reduce((sum, { instances }) => sum + instances, 0);
  const [core, workers] = [Math.max(1, sizeOf('core')), Math.max(1, sizeOf('core') + sizeOf('task'))];
  const pending = new Map(series.ContainerPending.map(({ at, value }) => [at, value]));
  let before = 0;
  const demand = series.ContainerAllocated.map(({ at, value }) => {
    const waiting = pending.get(at) ?? 0;
    const arrived = value + Math.max(0, waiting - before);
    before = waiting;
    return arrived;
  });
  const available = new Map(series.MemoryAvailableMB.map(({ at, value }) => [at, value]));
  const allocated = new Map(series.ContainerAllocated.map(({ at, value }) => [at, value]));
  const sizes = series.MemoryTotalMB.flatMap(({ at, value }) => {
    const [left, containers = 0] = [available.get(at), allocated.get(at)];
    return left === undefined || containers === 0 || value <= left ? [] : [(value - left) / containers];
  });
  const containerMegabytes = sizes.length > 0 ? median(sizes) : CONTAINER_MEGABYTES;
  const nodeMegabytes = (series.MemoryTotalMB.at(-1)?.value ?? 0) / workers;
  return {
    task: {
      demand,
      nodeCapacity: Math.max(1, Math.floor(nodeMegabytes / containerMegabytes)),
      waits: true,
    },
    core: {
      demand: series.HDFSUtilization.map(({ value }) => value * core),
      nodeCapacity: PERCENT,
      waits: false,
    },
  };
}

/** The sizes of a role's nodes since a time, with the containers that waited. */
export async function readSeen(
  clients: Clients,
  clusterId: string,
  role: 'core' | 'task',
  span: Span,
): Promise<Seen[]> {
  const nodes = role === 'core' ? 'CoreNodesRunning' : 'TaskNodesRunning';
  const series = await readSeries(clients, clusterId, [nodes, 'ContainerPending'], span);
  const pending = new Map(series.ContainerPending.map(({ at, value }) => [at, value]));
  return series[nodes].map(({ at, value }) => ({ at, nodes: value, pending: pending.get(at) ?? 0 }));
}

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
