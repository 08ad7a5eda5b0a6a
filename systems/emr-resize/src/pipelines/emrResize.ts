import {
  definePipeline,
  field,
  joinFolder,
  joinLocation,
  SluiceError,
  task,
  type InputOf,
  type Job,
  type Run,
} from 'sluice/workflow';
import type { ResizeAdvice } from '../advice/adviseResize';
import type { ClusterPart } from '../advice/clusterFacts';
import { toProperties, toSettings, type HdfsSettings } from '../advice/hdfsSettings';
import type { Look } from '../aws/lookAtCluster';
import type { adviseResize } from '../tasks/adviseResize';
import type { awaitSettings } from '../tasks/awaitSettings';
import type { lookAtCluster } from '../tasks/lookAtCluster';
import type { reportResize } from '../tasks/reportResize';
import type { Sample, watchResize } from '../tasks/watchResize';
import { withUndo } from './_temporal';

export interface EmrResizeResult {
  advice: string;
  /** Null when only the plan was asked for, or all was as asked for. */
  report: string | null;
  from: number;
  to: number;
  /** What the resizes took, all together. */
  seconds: number;
}

const INPUT = {
  lake: field.s3({ about: 'the bucket that advice and report are written to', default: 's3://lake' }),
  clusterId: field.text({ about: 'the EMR cluster' }),
  group: field.text({ about: 'the instance group by name', optional: true }),
  fleet: field.text({ about: 'the instance fleet by name', optional: true }),
  target: field.integer({ about: 'instances of the group, or units of capacity of the whole fleet' }),
  market: field.choice(['on-demand', 'spot'], {
    about: 'of a fleet: which capacity changes',
    default: 'on-demand',
  }),
  within: field.duration({ about: 'how long each round may take', default: '25 hours' }),
  fast: field.choice(['auto', 'true', 'false'], {
    about: 'whether HDFS gets the fast settings meanwhile: auto where the drain is long and the cluster calm',
    default: 'auto',
  }),
  decommissionTimeout: field.integer({
    about: "seconds that a node that goes waits for its tasks; the cluster's own unless given",
    optional: true,
  }),
  blocks: field.integer({ about: 'blocks of HDFS, where no metric tells', optional: true }),
  plan: field.flag({ about: 'end after the advice', default: false }),
};
type Input = InputOf<typeof INPUT>;

/** Look, advise, set HDFS for a fast drain, resize round by round, set HDFS back, report. */
export const emrResize = definePipeline(
  {
    name: 'emr-resize',
    about: 'Resizes an instance group or fleet of an EMR cluster after advice, without losing work.',
    input: INPUT,
    findProblems: ({ group, fleet }) =>
      (group === undefined) === (fleet === undefined) ? ['group, fleet: give the name of one of them'] : [],
    resources: ['elasticmapreduce:modifyInstanceGroupByName', 'elasticmapreduce:modifyInstanceFleetByName'],
  },
  async (run, input): Promise<EmrResizeResult> => {
    const to = joinFolder(input.lake, 'emr-resize');
    const look = await lookAt(run, 'look', input);
    const advice = await advise(run, 'advise', { input, look, to });
    const { from, to: target } = advice;
    const told = { advice: joinLocation(to, 'advice.json'), from, to: target };
    if (input.plan) return { ...told, report: null, seconds: 0 };
    refuse(advice);
    if (advice.rounds.length === 0) return { ...told, report: null, seconds: 0 };
    const part = look.facts.parts.find(({ name }) => name === nameOf(input))!;
    const asked = { input, part, advice };
    const { tune } = advice;
    const resized = await (tune === null
      ? resize(run, asked)
      : withUndo(
          async () => {
            await configure(run, { input, look: tuned(look, tune), what: 'tune HDFS' });
            return resize(run, asked);
          },
          () => configure(run, { input, look, what: 'set HDFS back' }),
        ));
    const { facts } = look;
    const { output } = await run.job(
      'report',
      task<typeof reportResize>('report-resize', { facts, advice, ...resized, to }),
    );
    return { ...told, report: output, seconds: resized.seconds };
  },
);

async function lookAt(run: Run, step: string, { clusterId, blocks }: Input): Promise<Look> {
  const asked = { clusterId, ...(blocks === undefined ? {} : { blocks }) };
  return (await run.job(step, task<typeof lookAtCluster>('look-at-cluster', asked))).payload as Look;
}

async function advise(
  run: Run,
  step: string,
  { input, look, to }: { input: Input; look: Look; to?: string },
): Promise<ResizeAdvice> {
  const { target, fast } = input;
  const asked = { facts: look.facts, part: nameOf(input), target, fast, ...(to === undefined ? {} : { to }) };
  return (await run.job(step, task<typeof adviseResize>('advise-resize', asked))).payload as ResizeAdvice;
}

const nameOf = ({ group, fleet }: Input) => (group ?? fleet)!;

/** @throws SluiceError InvalidInput that lists the rules which refuse */
function refuse({ refused, verdicts }: ResizeAdvice): void {
  if (!refused) return;
  const reasons = verdicts
    .filter(({ verdict }) => verdict === 'refuse')
    .map(
      ({ rule, value, limit, text }) => `  ${rule}: ${value ?? 'none'} (limit ${limit ?? 'none'}): ${text}`,
    );
  throw new SluiceError('InvalidInput', ['The resize is refused:', ...reasons].join('\n'));
}

interface Asked {
  input: Input;
  part: ClusterPart;
  advice: ResizeAdvice;
}

/** The rounds, one after the other. Before each but the first it is looked again, so none begins into another drain. */
async function resize(
  run: Run,
  { input, part, advice }: Asked,
): Promise<{ samples: Sample[]; seconds: number }> {
  const { clusterId, within } = input;
  const samples: Sample[] = [];
  let seconds = 0;
  for (const [i, { from, to }] of advice.rounds.entries()) {
    if (i > 0) {
      const look = await lookAt(run, `look before ${to}`, input);
      refuse(await advise(run, `advise ${to}`, { input, look }));
    }
    const timeout = { timeout: within };
    const { resized, followed } = await run.parallel({
      resized: (branch) => branch.job(`resize to ${to}`, modification(input, part, to), timeout),
      followed: (branch) =>
        branch.job(
          `progress to ${to}`,
          task<typeof watchResize>('watch-resize', { clusterId, part: part.name, target: to }),
          timeout,
        ),
    });
    const { samples: seen } = followed.payload as { samples: Sample[] };
    samples.push(...seen.map((sample) => ({ ...sample, seconds: seconds + sample.seconds })));
    seconds += resized.durationMs / 1000;
    if (to < from) refuseShort(input, part, { asked: to, runs: seen.at(-1)?.nodes ?? to });
  }
  return { samples, seconds };
}

/**
 * A fleet has whole instances, so it may keep some units more than were asked for.
 * @throws SluiceError JobFailed for one that EMR left at another size, as it does a day after it was asked to shrink
 */
function refuseShort(
  { clusterId }: Input,
  { kind, name, running, instances }: ClusterPart,
  { asked, runs }: { asked: number; runs: number },
): void {
  const unitsAnInstance = running / Math.max(1, instances);
  if (runs - asked < unitsAnInstance) return;
  throw new SluiceError(
    'JobFailed',
    `The ${kind} ${name} of cluster ${clusterId} stopped short: ${asked} were asked for, and ${runs} run. EMR ends the shrinking of a fleet after a day; start again once the work on its nodes has ended.`,
  );
}

/** @throws SluiceError InvalidInput for a size that the other market of a fleet has more than */
function modification(input: Input, { name, kind, capacity }: ClusterPart, size: number): Job {
  const { clusterId: ClusterId, market, decommissionTimeout } = input;
  if (kind === 'group') {
    const ShrinkPolicy =
      decommissionTimeout === undefined ? undefined : { DecommissionTimeout: decommissionTimeout };
    const InstanceGroup = { InstanceCount: size, ...(ShrinkPolicy ? { ShrinkPolicy } : {}) };
    return {
      resource: 'elasticmapreduce:modifyInstanceGroupByName',
      parameters: { ClusterId, InstanceGroupName: name, InstanceGroup },
    };
  }
  const { onDemand = 0, spot = 0 } = capacity ?? {};
  const units = size - (market === 'spot' ? onDemand : spot);
  if (units < 0)
    throw new SluiceError(
      'InvalidInput',
      `target: the other market of the fleet ${name} has more than ${size}; give the other market`,
    );
  return {
    resource: 'elasticmapreduce:modifyInstanceFleetByName',
    parameters: {
      ClusterId,
      InstanceFleetName: name,
      InstanceFleet: market === 'spot' ? { TargetSpotCapacity: units } : { TargetOnDemandCapacity: units },
    },
  };
}

/** EMR reconfigures a group or fleet in some minutes. */
const CONFIGURED_WITHIN = '1 hour';

/** Gives the primary group or fleet the configurations of `look` and waits until they are in force. */
async function configure(
  run: Run,
  { input: { clusterId: ClusterId }, look, what }: { input: Input; look: Look; what: string },
): Promise<void> {
  const { masterName: name, configurations, types } = look;
  const timeout = { timeout: CONFIGURED_WITHIN };
  const job: Job =
    types.length === 0
      ? {
          resource: 'elasticmapreduce:modifyInstanceGroupByName',
          parameters: {
            ClusterId,
            InstanceGroupName: name,
            InstanceGroup: { Configurations: configurations },
          },
        }
      : {
          resource: 'elasticmapreduce:modifyInstanceFleetByName',
          parameters: { ClusterId, InstanceFleetName: name, InstanceFleet: { InstanceTypeConfigs: types } },
        };
  await run.job(what, job, timeout);
  const settings = toSettings(siteOf(configurations)?.Properties ?? {});
  const asked = { clusterId: ClusterId, part: name, settings };
  await run.job(`${what}: in force`, task<typeof awaitSettings>('await-settings', asked), timeout);
}

type Configurations = Look['configurations'];

const siteOf = (configurations: Configurations) =>
  configurations.find(({ Classification }) => Classification === 'hdfs-site');

/** The configurations that are there, with those of a fast drain. */
function tuned(look: Look, tune: HdfsSettings): Look {
  const withFast = (configurations: Configurations = []): Configurations => {
    const site = siteOf(configurations);
    const Properties = { ...site?.Properties, ...toProperties(tune) };
    return [
      ...configurations.filter((other) => other !== site),
      { ...site, Classification: 'hdfs-site', Properties },
    ];
  };
  return {
    ...look,
    configurations: withFast(look.configurations),
    types: look.types.map((type) => ({ ...type, Configurations: withFast(type.Configurations) })),
  };
}
