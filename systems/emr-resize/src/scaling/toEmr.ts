import type { AutoScalingPolicy, ManagedScalingPolicy } from '@aws-sdk/client-emr';
import { PERIOD_SECONDS } from './simulateScaling';
import type { ScalingPolicy } from './scalingPolicy';

/** As PutAutoScalingPolicy takes it. */
export function toAutoScalingPolicy({ least, most, rules }: ScalingPolicy): AutoScalingPolicy {
  return {
    Constraints: { MinCapacity: least, MaxCapacity: most },
    Rules: rules.map(({ name, metric, when, threshold, periods, change, cooldownSeconds }) => ({
      Name: name,
      Description: `${metric} ${when} ${threshold} for ${periods} of 5 minutes: ${change > 0 ? '+' : ''}${change}`,
      Action: {
        SimpleScalingPolicyConfiguration: {
          ...{ AdjustmentType: 'CHANGE_IN_CAPACITY', ScalingAdjustment: change, CoolDown: cooldownSeconds },
        },
      },
      Trigger: {
        CloudWatchAlarmDefinition: {
          ComparisonOperator: when === 'below' ? 'LESS_THAN' : 'GREATER_THAN',
          ...{ MetricName: metric, Namespace: 'AWS/ElasticMapReduce', Statistic: 'AVERAGE' },
          ...{ EvaluationPeriods: periods, Period: PERIOD_SECONDS, Threshold: threshold },
          Unit: metric === 'ContainerPendingRatio' ? 'COUNT' : 'PERCENT',
          Dimensions: [{ Key: 'JobFlowId', Value: '${emr.clusterId}' }],
        },
      },
    })),
  };
}

/** As PutManagedScalingPolicy takes it: limits of the whole cluster, of which core has its own. */
export function toManagedScalingPolicy(
  policies: readonly { role: 'core' | 'task'; policy: ScalingPolicy }[],
  kind: 'group' | 'fleet',
): ManagedScalingPolicy {
  const sum = (of: 'least' | 'most', role?: 'core') =>
    policies
      .filter((one) => role === undefined || one.role === role)
      .reduce((total, { policy }) => total + policy[of], 0);
  return {
    ComputeLimits: {
      UnitType: kind === 'fleet' ? 'InstanceFleetUnits' : 'Instances',
      MinimumCapacityUnits: Math.max(1, sum('least')),
      MaximumCapacityUnits: Math.max(1, sum('most')),
      MaximumCoreCapacityUnits: Math.max(1, sum('most', 'core')),
    },
  };
}
