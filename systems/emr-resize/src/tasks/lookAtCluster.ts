import { defineTask, field } from 'sluice';
import { withClients } from '../aws/clients';
import { lookAtCluster as look } from '../aws/lookAtCluster';
import { clusterId } from './_fields';

export const lookAtCluster = defineTask(
  {
    name: 'look-at-cluster',
    about: 'Asks EMR and CloudWatch all that advice for a cluster is made of.',
    input: {
      clusterId,
      blocks: field.integer({ about: 'blocks of HDFS, where no metric tells', optional: true }),
    },
  },
  async (input) => ({ payload: await withClients((clients) => look(clients, input)) }),
);
