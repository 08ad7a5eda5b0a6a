import { GetMetricDataCommand, type MetricDataQuery } from '@aws-sdk/client-cloudwatch';
import type { Clients } from './clients';

/** EMR's own: https://docs.aws.amazon.com/emr/latest/ManagementGuide/UsingEMR_ViewingMetrics.html */
const EMR = 'AWS/ElasticMapReduce';
/** What EMR does not tell: blocks and bytes of HDFS, put by whoever wants exact estimates. */
const OWN = 'Sluice/EMR';

/** What each metric is asked for as; those that are summed are so for a period. */
const METRICS = {
  HDFSUtilization: [EMR, 'Average'],
  CapacityRemainingGB: [EMR, 'Average'],
  HDFSBytesWritten: [EMR, 'Sum'],
  UnderReplicatedBlocks: [EMR, 'Maximum'],
  MissingBlocks: [EMR, 'Maximum'],
  YARNMemoryAvailablePercentage: [EMR, 'Average'],
  MemoryTotalMB: [EMR, 'Average'],
  MemoryAvailableMB: [EMR, 'Average'],
  ContainerPending: [EMR, 'Maximum'],
  ContainerAllocated: [EMR, 'Average'],
  AppsRunning: [EMR, 'Maximum'],
  CoreNodesRunning: [EMR, 'Average'],
  TaskNodesRunning: [EMR, 'Average'],
  HDFSBlocks: [OWN, 'Maximum'],
  HDFSBytes: [OWN, 'Maximum'],
} as const;
export type MetricName = keyof typeof METRICS;

/** EMR's metrics come this often. */
export const METRIC_SECONDS = 300;
/** How old the newest value may be. */
const FRESH_SECONDS = 900;

export interface Span {
  from: Date;
  to: Date;
}

/** The values of metrics by time, oldest first. */
export async function readSeries<Name extends MetricName>(
  { cloudWatch }: Clients,
  clusterId: string,
  names: readonly Name[],
  { from, to }: Span,
): Promise<Record<Name, { at: number; value: number }[]>> {
  const series = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<
    Name,
    { at: number; value: number }[]
  >;
  const MetricDataQueries = names.map((name, i): MetricDataQuery => {
    const [Namespace, Stat] = METRICS[name];
    const Dimensions = [{ Name: 'JobFlowId', Value: clusterId }];
    return {
      Id: `m${i}`,
      MetricStat: { Metric: { Namespace, MetricName: name, Dimensions }, Period: METRIC_SECONDS, Stat },
    };
  });
  let NextToken: string | undefined;
  do {
    const page = await cloudWatch.send(
      new GetMetricDataCommand({
        ...{ MetricDataQueries, StartTime: from, EndTime: to, ScanBy: 'TimestampAscending' },
        ...(NextToken ? { NextToken } : {}),
      }),
    );
    for (const { Id, Timestamps = [], Values = [] } of page.MetricDataResults ?? []) {
      const name = names[Number(Id!.slice(1))]!;
      Timestamps.forEach((time, i) => series[name].push({ at: time.getTime(), value: Values[i]! }));
    }
    NextToken = page.NextToken;
  } while (NextToken);
  return series;
}

/** The newest value of each metric; null for one that has none of late. */
export async function readNewest<Name extends MetricName>(
  clients: Clients,
  clusterId: string,
  names: readonly Name[],
  now = new Date(),
): Promise<Record<Name, number | null>> {
  const from = new Date(now.getTime() - FRESH_SECONDS * 1000);
  // The end is not part of the span.
  const to = new Date(now.getTime() + 1000);
  const series = await readSeries(clients, clusterId, names, { from, to });
  return Object.fromEntries(names.map((name) => [name, series[name].at(-1)?.value ?? null])) as Record<
    Name,
    number | null
  >;
}
