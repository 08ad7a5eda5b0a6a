import {
  CreateSecurityConfigurationCommand,
  DeleteSecurityConfigurationCommand,
  DescribeSecurityConfigurationCommand,
  type EMRClient,
} from '@aws-sdk/client-emr';
import { defineTask, field } from 'sluice';
import type { Aws } from '../aws';
import { buildSecurityConfiguration, findDifferences } from '../securityConfiguration';
import { isNoSuchConfiguration } from './checkTls';
import { refuseDifferent } from './makeBroker';

const INPUT = {
  name: field.text(),
  jar: field.object(),
  atRestKeyArn: field.text({ optional: true }),
};

/**
 * Makes the security configuration, or adopts an equal one. EMR cannot change one, so another of the same name is a conflict
 * whose message shows the difference. Answers `{ adopted }`.
 */
export function createSecurityConfigurationTask(connect: () => Aws) {
  return defineTask(
    { name: 'create-security-configuration', about: 'Makes the EMR security configuration.', input: INPUT },
    async ({ name, jar, atRestKeyArn }, { signal }) => {
      const { emr } = connect();
      const wanted = buildSecurityConfiguration({ jar, atRestKeyArn: atRestKeyArn ?? null });
      for (;;) {
        const there = await readConfiguration(emr, name, signal);
        if (there !== null) {
          refuseDifferent(`The security configuration ${name}`, there, wanted);
          return { payload: { adopted: true } };
        }
        try {
          const command = new CreateSecurityConfigurationCommand({
            Name: name,
            SecurityConfiguration: JSON.stringify(wanted),
          });
          await emr.send(command, { abortSignal: signal });
          return { payload: { adopted: false } };
        } catch (error) {
          if (!/already exists/i.test((error as Error).message)) throw error;
        }
      }
    },
  );
}

/** Deletes the security configuration if it is the one that the run has made. Answers `{ left: string[] }`. */
export function createRemoveSecurityConfiguration(connect: () => Aws) {
  return defineTask(
    {
      name: 'remove-security-configuration',
      about: 'Deletes the security configuration that a run has made.',
      input: INPUT,
    },
    async ({ name, jar, atRestKeyArn }, { signal }) => {
      const { emr } = connect();
      const there = await readConfiguration(emr, name, signal);
      if (there === null) return { payload: { left: [] } };
      const made = buildSecurityConfiguration({ jar, atRestKeyArn: atRestKeyArn ?? null });
      if (findDifferences(there, made).length > 0)
        return { payload: { left: [`security configuration ${name}: it is another by now`] } };
      await emr.send(new DeleteSecurityConfigurationCommand({ Name: name }), { abortSignal: signal });
      return { payload: { left: [] } };
    },
  );
}

async function readConfiguration(emr: EMRClient, name: string, signal: AbortSignal): Promise<unknown> {
  try {
    const command = new DescribeSecurityConfigurationCommand({ Name: name });
    const { SecurityConfiguration } = await emr.send(command, { abortSignal: signal });
    return JSON.parse(SecurityConfiguration!) as unknown;
  } catch (error) {
    if (isNoSuchConfiguration(error)) return null;
    throw error;
  }
}
