import { setTimeout as sleep } from 'node:timers/promises';
import {
  DescribeClusterCommand,
  GetManagedScalingPolicyCommand,
  PutAutoScalingPolicyCommand,
  PutManagedScalingPolicyCommand,
} from '@aws-sdk/client-emr';
import { defineTask, field, SluiceError } from 'sluice';
import { withClients, type Clients } from '../aws/clients';
import { lookAtCluster, readParts } from '../aws/lookAtCluster';
import { checkPolicy, chooseMeans, leastCore } from '../scaling/adviseScaling';
import { toAutoScalingPolicy, toManagedScalingPolicy } from '../scaling/toEmr';
import { orInvalid, type AdvisedScaling } from './adviseScaling';
import { clusterId } from './_fields';

const isAdvised = (value: unknown): value is AdvisedScaling =>
  typeof value === 'object' && value !== null && Array.isArray((value as Partial<AdvisedScaling>).policies);
const WAIT_MS = 1000;
const MAX_WAIT_MS = 15_000;

/** Puts are replacements, so that putting twice is putting once. Policies without rules are sizes, and nothing to put. */
export const putScaling = defineTask(
  {
    name: 'put-scaling',
    about:
      'Gives a cluster its policies of scaling, of groups or managed, and waits until they are attached.',
    input: {
      clusterId,
      advised: field.value(isAdvised, { needs: 'policies as advise-scaling answered them' }),
    },
  },
  async ({ clusterId: ClusterId, advised: { means, policies } }, { signal }) =>
    withClients(async (clients) => {
      const { emr } = clients;
      const { facts } = await lookAtCluster(clients, { clusterId: ClusterId });
      orInvalid(() => chooseMeans(facts, means));
      for (const { policy, role } of policies) orInvalid(() => checkPolicy(policy, role, leastCore(facts)));
      if (means === 'managed') {
        const kind = facts.parts.some((part) => part.kind === 'fleet') ? 'fleet' : 'group';
        const ManagedScalingPolicy = toManagedScalingPolicy(policies, kind);
        await emr.send(new PutManagedScalingPolicyCommand({ ClusterId, ManagedScalingPolicy }));
        const { ManagedScalingPolicy: there } = await emr.send(
          new GetManagedScalingPolicyCommand({ ClusterId }),
        );
        if (there === undefined) throw new Error(`cluster ${ClusterId}: managed scaling is not there yet`);
        return { payload: { put: ['managed scaling'] } };
      }
      const put: string[] = [];
      for (const { part: name, policy } of policies.filter(({ policy }) => policy.rules.length > 0)) {
        const part = facts.parts.find((other) => other.name === name);
        if (part === undefined)
          throw new SluiceError('InvalidJob', `cluster ${ClusterId} has no group ${name}`);
        await emr.send(
          new PutAutoScalingPolicyCommand({
            ...{ ClusterId, InstanceGroupId: part.id },
            AutoScalingPolicy: toAutoScalingPolicy(policy),
          }),
        );
        await untilAttached(clients, { clusterId: ClusterId, id: part.id }, signal);
        put.push(name);
      }
      return { payload: { put } };
    }),
);

/** @throws SluiceError InvalidJob for a policy that EMR could not attach, as it cannot without the cluster's AutoScalingRole */
async function untilAttached(
  clients: Clients,
  { clusterId, id }: { clusterId: string; id: string },
  signal: AbortSignal,
): Promise<void> {
  const { Cluster = {} } = await clients.emr.send(new DescribeClusterCommand({ ClusterId: clusterId }));
  for (let wait = WAIT_MS; ; wait = Math.min(MAX_WAIT_MS, wait * 1.5)) {
    const { groups } = await readParts(clients, Cluster);
    const { State, StateChangeReason } = groups.find(({ Id }) => Id === id)?.AutoScalingPolicy?.Status ?? {};
    if (State === 'ATTACHED') return;
    if (State === 'FAILED' || State === 'DETACHED')
      throw new SluiceError(
        'InvalidJob',
        `the policy of ${id} is ${State}: ${StateChangeReason?.Message ?? 'EMR gives no reason'}; a cluster takes policies only with the AutoScalingRole that it was created with`,
      );
    await sleep(wait, undefined, { signal });
  }
}
