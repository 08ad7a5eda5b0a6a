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

/**
 * A group or fleet is RUNNING for a moment after it was asked to change. Of a group its versions tell; a fleet has none, so it
 * has been seen to change, or to have what was asked for.
 */
export const awaitSettings = defineTask(
  {
    name: 'await-settings',
    about: 'Waits until the configurations that an instance group or fleet was given are in force.',
    input: {
      clusterId,
      part: field.text(),
      settings: field.value(isSettings, { needs: 'settings of HDFS' }),
    },
  },
  async ({ clusterId: ClusterId, part: name, settings }, { signal }) =>
    withClients(async (clients) => {
      const { Cluster = {} } = await clients.emr.send(new DescribeClusterCommand({ ClusterId }));
      let hasChanged = false;
      for (let wait = WAIT_MS; ; wait = Math.min(MAX_WAIT_MS, wait * 1.5)) {
        const { parts, groups, configurations } = await readParts(clients, Cluster);
        const part = parts.find((other) => other.name === name);
        if (part === undefined) throw new SluiceError('InvalidJob', `cluster ${ClusterId} has no ${name}`);
        const { ConfigurationsVersion = 0, LastSuccessfullyAppliedConfigurationsVersion: applied = 0 } =
          groups.find(({ Name }) => Name === name) ?? {};
        hasChanged ||= part.state !== 'RUNNING';
        if (part.state === 'RUNNING' && applied >= ConfigurationsVersion) {
          const site = configurations.find(({ Classification }) => Classification === 'hdfs-site');
          const there = toSettings(site?.Properties ?? {});
          if (isDeepStrictEqual(there, settings)) return;
          if (part.kind === 'group' || hasChanged)
            throw new SluiceError(
              'InvalidJob',
              `the instance ${part.kind} ${name} of cluster ${ClusterId} has ${JSON.stringify(there)} where ${JSON.stringify(settings)} was asked for: EMR goes back to what was when a reconfiguration fails; its events say why`,
            );
        }
        await sleep(wait, undefined, { signal });
      }
    }),
);
