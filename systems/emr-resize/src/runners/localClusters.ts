import { shippedRunners, SluiceError, type AnyRunnerDefinition } from 'sluice';
import { readSettings } from '../settings';

const RESOURCES = [
  'elasticmapreduce:createCluster',
  'elasticmapreduce:terminateCluster',
  'elasticmapreduce:modifyInstanceGroupByName',
  'elasticmapreduce:modifyInstanceFleetByName',
];

/** The runners of clusters as they ship, in local mode as well: there, on the project's own service. */
export const clusterRunners: AnyRunnerDefinition[] = shippedRunners
  .filter(({ resource }) => RESOURCES.includes(resource))
  .map((definition) => ({
    ...definition,
    engines: ['aws', 'local'],
    create(context) {
      // Without the service, the SDK would go to AWS.
      if (context.config.engines === 'local' && readSettings().emrEndpoint === null)
        throw new SluiceError(
          'NoEngine',
          `${definition.resource} has no local cluster: start the stack in systems/emr-resize, or with --service emr, or run the pipeline on AWS (SLUICE_ENGINES=aws)`,
        );
      return definition.create(context);
    },
  }));
