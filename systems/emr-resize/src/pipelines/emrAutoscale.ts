import {
  definePipeline,
  field,
  joinFolder,
  joinLocation,
  task,
  type InputOf,
  type Run,
} from 'sluice/workflow';
import type { Look } from '../aws/lookAtCluster';
import type { AdvisedScaling, adviseScaling } from '../tasks/adviseScaling';
import type { lookAtCluster } from '../tasks/lookAtCluster';
import type { putScaling } from '../tasks/putScaling';
import type { ReviewedPart, reviewScaling } from '../tasks/reviewScaling';
import { pause } from './_temporal';

export interface EmrAutoscaleResult {
  advice: string;
  /** The policies in force where they were put, those advised elsewhere. */
  policies: AdvisedScaling['policies'];
  applied: boolean;
  /** What the last look has counted, by part. */
  reviews: ReviewedPart[];
}

const INPUT = {
  lake: field.s3({ about: 'the bucket that the advice is written to', default: 's3://lake' }),
  clusterId: field.text({ about: 'the EMR cluster' }),
  means: field.choice(['auto', 'automatic', 'managed'], {
    about: 'policies of instance groups, or managed scaling; auto: managed for fleets',
    default: 'auto',
  }),
  days: field.integer({ about: 'days of metrics that it is advised from', least: 1, most: 62, default: 14 }),
  curves: field.object({
    about: 'what the cluster has to do, as JSON, instead of the metrics',
    optional: true,
  }),
  taskLeast: field.integer({ about: 'the smallest size of task groups', default: 0 }),
  taskMost: field.integer({ about: 'their largest; twice what runs unless given', optional: true }),
  coreMost: field.integer({
    about: 'the largest size of core; twice what runs unless given',
    optional: true,
  }),
  apply: field.flag({ about: 'put the policies, and what is proposed later', default: false }),
  looks: field.integer({ about: 'how often it is looked what came of them', most: 1000, default: 56 }),
  every: field.duration({ about: 'the time between two looks', default: '6 hours' }),
};
type Input = InputOf<typeof INPUT>;

/** Look, advise, put where it is asked to, then look again and again, and propose what would be better. */
export const emrAutoscale = definePipeline(
  {
    name: 'emr-autoscale',
    about: 'Advises a policy of scaling for each group of an EMR cluster, and watches what comes of it.',
    input: INPUT,
  },
  async (run, input): Promise<EmrAutoscaleResult> => {
    const { lake, clusterId, means, days, taskLeast, apply, looks, every } = input;
    const to = joinFolder(lake, 'emr-resize');
    const look = await run.job('look', task<typeof lookAtCluster>('look-at-cluster', { clusterId }));
    const { payload } = await run.job(
      'advise',
      task<typeof adviseScaling>('advise-scaling', {
        ...{ facts: (look.payload as Look).facts, means, days, taskLeast, to },
        ...given(input),
      }),
    );
    let advised = payload as AdvisedScaling;
    if (apply) await put(run, 'put policies', { clusterId, advised });
    const since = new Date().toISOString();
    let reviews: ReviewedPart[] = [];
    for (let number = 1; number <= looks; number++) {
      await pause(run, `pause ${number}`, every);
      reviews = await run.group(`look ${number}`, (group) =>
        review(group, { clusterId, advised, since, number }),
      );
      const proposed = withProposals(advised, reviews);
      if (!apply || proposed === advised) continue;
      await put(run, `put policies ${number}`, { clusterId, advised: proposed });
      advised = proposed;
    }
    const { policies } = advised;
    return { advice: joinLocation(to, 'scaling.json'), policies, applied: apply, reviews };
  },
);

function given({ curves, taskMost, coreMost }: Input) {
  return {
    ...(curves === undefined ? {} : { curves }),
    ...(taskMost === undefined ? {} : { taskMost }),
    ...(coreMost === undefined ? {} : { coreMost }),
  };
}

function put(run: Run, step: string, asked: { clusterId: string; advised: AdvisedScaling }) {
  return run.job(step, task<typeof putScaling>('put-scaling', asked));
}

async function review(
  run: Run,
  {
    clusterId,
    advised,
    since,
    number,
  }: { clusterId: string; advised: AdvisedScaling; since: string; number: number },
): Promise<ReviewedPart[]> {
  const reviews: ReviewedPart[] = [];
  for (const { part, role, policy } of advised.policies.filter(({ policy: { rules } }) => rules.length > 0)) {
    const asked = { clusterId, part, role, policy, since };
    const { payload } = await run.job(
      `review ${part} ${number}`,
      task<typeof reviewScaling>('review-scaling', asked),
    );
    reviews.push(payload as ReviewedPart);
  }
  return reviews;
}

/** The policies as they are proposed; the same where nothing is. */
function withProposals(advised: AdvisedScaling, reviews: ReviewedPart[]): AdvisedScaling {
  if (reviews.every(({ proposal }) => proposal === null)) return advised;
  const proposed = new Map(reviews.map(({ part, proposal }) => [part, proposal?.policy]));
  return {
    ...advised,
    policies: advised.policies.map((one) => ({ ...one, policy: proposed.get(one.part) ?? one.policy })),
  };
}
