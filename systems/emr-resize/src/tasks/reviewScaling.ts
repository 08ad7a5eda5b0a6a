import { defineTask, field } from 'sluice';
import { withClients } from '../aws/clients';
import { readSeen } from '../aws/readCurves';
import { reviewScaling as review, type Review } from '../scaling/reviewScaling';
import type { ScalingPolicy } from '../scaling/scalingPolicy';
import { clusterId } from './_fields';

export interface ReviewedPart extends Review {
  part: string;
}

const isPolicy = (value: unknown): value is ScalingPolicy =>
  typeof value === 'object' && value !== null && Array.isArray((value as Partial<ScalingPolicy>).rules);

export const reviewScaling = defineTask(
  {
    name: 'review-scaling',
    about: 'Counts what came of a policy since a time: changes taken back, and work that waited at the most.',
    input: {
      clusterId,
      part: field.text(),
      role: field.choice(['core', 'task']),
      policy: field.value(isPolicy, { needs: 'a policy as advise-scaling answered it' }),
      since: field.time(),
    },
  },
  async ({ clusterId, part, role, policy, since }) => {
    const span = { from: new Date(since), to: new Date() };
    const seen = await withClients((clients) => readSeen(clients, clusterId, role, span));
    return { payload: { part, ...review(seen, policy) } satisfies ReviewedPart };
  },
);
