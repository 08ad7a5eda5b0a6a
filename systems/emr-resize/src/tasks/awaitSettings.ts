import { isDeepStrictEqual } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { DescribeClusterCommand } from '@aws-sdk/client-emr';
import { defineTask, field, SluiceError } from 'sluice';
import { toSettings, type HdfsSettings } from '../advice/hdfsSettings';
import { withClients } from '../aws/clients';
import { readParts } from '../aws/lookAtCluster';
import { clusterId } from './_fields';

const isSettings = (value: unknown): value is HdfsSettings =>
  typeof value === 'object' && value !== null && 'workMultiplier' in value;
const WAIT_MS = 1000;
const MAX_WAIT_MS = 30_000;

/** A group is RUNNING for a moment after it was asked to change, so its versions are what tells. */
export const awaitSettings = defineTask(
  {
    name: 'await-settings',
    about: 'Waits until the configurations that an instance group was given are in force.',
    input: {
      clusterId,
      group: field.text(),
      settings: field.value(isSettings, { needs: 'settings of HDFS' }),
    },
  },
  async ({ clusterId: ClusterId, group: name, settings }, { signal }) =>
    withClients(async (clients) => {
      const { Cluster = {} } = await clients.emr.send(new DescribeClusterCommand({ ClusterId }));
      for (let wait = WAIT_MS; ; wait = Math.min(MAX_WAIT_MS, wait * 1.5)) {
        const { groups, configurations } = await readParts(clients, Cluster);
        const group = groups.find(({ Name }) => Name === name);
        if (group === undefined)
          throw new SluiceError('InvalidJob', `cluster ${ClusterId} has no instance group ${name}`);
        const { ConfigurationsVersion = 0, LastSuccessfullyAppliedConfigurationsVersion: applied = 0 } =
          group;
        if (group.Status?.State === 'RUNNING' && applied >= ConfigurationsVersion) {
          const site = configurations.find(({ Classification }) => Classification === 'hdfs-site');
          const there = toSettings(site?.Properties ?? {});
          if (isDeepStrictEqual(there, settings)) return;
          throw new SluiceError(
            'InvalidJob',
            `the instance group ${name} of cluster ${ClusterId} has ${JSON.stringify(there)} where ${JSON.stringify(settings)} was asked for: EMR goes back to what was when a reconfiguration fails; its events say why`,
          );
        }
        await sleep(wait, undefined, { signal });
      }
    }),
);
