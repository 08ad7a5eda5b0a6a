import { createClusterPoller, EmrCreateClusterRunner, EmrTerminateClusterRunner } from './cluster';
import type { EmrPort } from './port';
import { EmrModifyInstanceFleetRunner, EmrModifyInstanceGroupRunner } from './resize';
import { createStepPollers, EmrAddStepRunner, EmrCancelStepRunner } from './step';

export { createEmrPort, type EmrPort } from './port';

/** The runners of `elasticmapreduce:*`; those of clusters share their polls, and so do those of steps. */
export function createEmrRunners(emr: EmrPort, gapMs: number) {
  const clusters = createClusterPoller(emr, gapMs);
  const steps = createStepPollers(emr, gapMs);
  return {
    'elasticmapreduce:createCluster': new EmrCreateClusterRunner(emr, clusters),
    'elasticmapreduce:terminateCluster': new EmrTerminateClusterRunner(emr, clusters),
    'elasticmapreduce:addStep': new EmrAddStepRunner(emr, steps),
    'elasticmapreduce:cancelStep': new EmrCancelStepRunner(emr, steps),
    'elasticmapreduce:modifyInstanceGroupByName': new EmrModifyInstanceGroupRunner(emr, gapMs),
    'elasticmapreduce:modifyInstanceFleetByName': new EmrModifyInstanceFleetRunner(emr, gapMs),
  };
}
