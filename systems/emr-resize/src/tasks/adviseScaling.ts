import { defineTask, field, joinLocation, SluiceError } from 'sluice';
import { withClients } from '../aws/clients';
import { readCurves, type Curves } from '../aws/readCurves';
import { putText, readJson } from '../lakeObjects';
import { writePage } from '../pictures/page';
import { drawScaling } from '../pictures/scalingPicture';
import {
  adviseScaling as advise,
  chooseMeans,
  leastCore,
  type ScalingAdvice,
  type ScalingMeans,
} from '../scaling/adviseScaling';
import { facts } from './_fields';

/** What the pipeline goes on with; the whole advice is in the lake. */
export interface AdvisedScaling {
  means: ScalingMeans;
  policies: Pick<ScalingAdvice, 'part' | 'role' | 'policy'>[];
}

const DAY_MS = 86_400_000;
/** Fewer periods of five minutes are no ground for a policy: a day. */
const LEAST_PERIODS = 288;

export const adviseScaling = defineTask(
  {
    name: 'advise-scaling',
    about:
      'Plays policies over what a cluster had to do, and advises one for each group, as JSON, picture and page.',
    input: {
      facts,
      means: field.choice(['auto', 'automatic', 'managed'], { default: 'auto' }),
      days: field.integer({ least: 1, most: 62, default: 14 }),
      taskLeast: field.integer({ default: 0 }),
      taskMost: field.integer({ optional: true }),
      coreMost: field.integer({ optional: true }),
      curves: field.object({
        about: 'JSON { core, task }, each { demand, nodeCapacity, waits }, instead of the metrics',
        optional: true,
      }),
      to: field.folder(),
    },
  },
  async (input, { s3, signal }) => {
    const { facts, days, to } = input;
    const now = new Date();
    const span = { from: new Date(now.getTime() - days * DAY_MS), to: now };
    const curves =
      input.curves === undefined
        ? await withClients((clients) => readCurves(clients, facts, span))
        : ((await readJson(s3, input.curves, signal)) as Curves);
    const means = orInvalid(() => chooseMeans(facts, input.means));
    const parts = facts.parts.flatMap((part) =>
      part.role === 'master' ? [] : [{ ...part, role: part.role }],
    );
    const least = { core: leastCore(facts), task: input.taskLeast };
    const most = { core: input.coreMost, task: input.taskMost };
    const advised = parts.map((part) => {
      const curve = curves[part.role];
      if (curve.demand.length < LEAST_PERIODS)
        throw new SluiceError(
          'BadData',
          `${facts.clusterId}: ${curve.demand.length} periods of metrics of ${part.role} nodes are no ground for a policy; a day has ${LEAST_PERIODS}. Wait, or give curves.`,
        );
      const lower = least[part.role];
      const bounds = {
        least: lower,
        most: Math.max(lower, most[part.role] ?? Math.max(4, 2 * part.running)),
      };
      return { advice: advise(part, curve, { ...bounds, start: part.running }), curve };
    });
    const pictures = await Promise.all(advised.map(({ advice, curve }) => drawScaling(advice, curve)));
    const put = (name: string, text: string) => putText(s3, joinLocation(to, name), text, signal);
    const advices = advised.map(({ advice }) => advice);
    const lean = advices.map(({ outcomes, ...advice }) => ({
      ...advice,
      outcomes: outcomes.map(({ nodes: _nodes, queue: _queue, ...outcome }) => outcome),
    }));
    await put(
      'scaling.json',
      `${JSON.stringify({ clusterId: facts.clusterId, means, advices: lean }, null, 2)}\n`,
    );
    for (const [i, svg] of pictures.entries()) await put(`scaling-${advices[i]!.part}.svg`, svg);
    await put('scaling.html', pageOf(facts.name || facts.clusterId, advices, pictures));
    const policies = advices.map(({ part, role, policy }) => ({ part, role, policy }));
    return {
      output: joinLocation(to, 'scaling.json'),
      payload: { means, policies } satisfies AdvisedScaling,
    };
  },
);

/** @throws SluiceError InvalidJob for what the rules do not allow */
export function orInvalid<T>(body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new SluiceError('InvalidJob', error.message, { cause: error });
  }
}

function pageOf(name: string, advices: ScalingAdvice[], pictures: string[]): string {
  return writePage({
    title: `Scaling of ${name}`,
    remarks: [
      ...advices.flatMap(({ part, policy, remarks }) => [
        `${part}: ${policy.name}, from ${policy.least} to ${policy.most}.`,
        ...remarks.map((remark) => `${part}: ${remark}.`),
      ]),
      'The simulation ranks policies; it promises nothing.',
    ],
    pictures,
    tables: advices.map(({ part, outcomes }) => ({
      title: part,
      columns: ['policy', 'node hours', 'waiting', 'actions', 'flaps', 'capped', 'hours at most'],
      rows: outcomes.map((outcome) => [
        ...[outcome.policy, outcome.nodeHours, outcome.meanQueue, outcome.actions],
        ...[outcome.flaps, outcome.capped, outcome.hoursAtMost],
      ]),
    })),
  });
}
