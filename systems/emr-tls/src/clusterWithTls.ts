import type { RunJobFlowCommandInput, StepConfig } from '@aws-sdk/client-emr';
import type { ClusterInput } from './inputProblems';
import { tlsTags } from './names';

export const APPLICATIONS = ['Presto', 'Hue', 'Zeppelin'] as const;

export interface ClusterWithTls {
  cluster: ClusterInput;
  /** Of the security configuration. */
  name: string;
  prefix: string;
  functionName: string | null;
  applications: readonly string[];
  /** The scripts in S3 by file name. */
  scripts: Record<string, string>;
  region: string;
  /** The one name of the master's certificate; null for a wildcard. */
  masterName: string | null;
}

/** The cluster with everything that encryption in transit, and the applications asked for, need beside. */
export function withTls(options: ClusterWithTls): RunJobFlowCommandInput {
  const { cluster, name, prefix, functionName, applications, scripts, region, masterName } = options;
  const runner = `s3://${region}.elasticmapreduce/libs/script-runner/script-runner.jar`;
  const step = (stepName: string, script: string): StepConfig => ({
    Name: stepName,
    ActionOnFailure: 'CONTINUE',
    HadoopJarStep: { Jar: runner, Args: [script] },
  });
  const wants = (application: string) => applications.includes(application);
  return {
    ...cluster,
    Name: cluster.Name ?? name,
    Instances: { ...cluster.Instances, KeepJobFlowAliveWhenNoSteps: true },
    SecurityConfiguration: name,
    Tags: [...(cluster.Tags ?? []), ...tlsTags(prefix, functionName)],
    Applications: [
      ...(cluster.Applications ?? []),
      ...APPLICATIONS.filter(
        (application) =>
          wants(application) && !cluster.Applications?.some(({ Name }) => Name === application),
      ).map((Name) => ({ Name })),
    ],
    Configurations: [
      ...(cluster.Configurations ?? []),
      ...(wants('Hue')
        ? [
            {
              Classification: 'hue-ini',
              Properties: {},
              Configurations: [
                {
                  Classification: 'desktop',
                  Properties: {
                    ssl_certificate: '/etc/certs/public.crt',
                    ssl_private_key: '/etc/certs/private.key',
                  },
                },
              ],
            },
          ]
        : []),
    ],
    BootstrapActions: [
      ...(cluster.BootstrapActions ?? []),
      // With a wildcard, the address that EMR gives each node is in the certificate as it is.
      ...(wants('Presto') && masterName !== null
        ? [
            {
              Name: 'PrestoConfiguration',
              ScriptBootstrapAction: {
                Path: scripts['emr-presto-conf.sh']!,
                Args: [masterName],
              },
            },
          ]
        : []),
    ],
    Steps: [
      ...(cluster.Steps ?? []),
      ...(wants('Presto')
        ? [step('EMR-Setup-Presto-Trusted-Store', scripts['presto-update-trusted-store.sh']!)]
        : []),
      ...(wants('Zeppelin') ? [step('EMR-Setup-Zeppelin-SSL', scripts['zeppelin-ssl.sh']!)] : []),
    ],
  };
}

/** Ports where TLS must answer: `master:8446` on the master alone, `node:13562` on the others. */
export function portsOf(applications: readonly string[]): string[] {
  return [
    // MapReduce's shuffle, of the NodeManagers.
    'node:13562',
    ...(applications.includes('Presto') ? ['master:8446', 'node:8446'] : []),
    ...(applications.includes('Hue') ? ['master:8888'] : []),
    ...(applications.includes('Zeppelin') ? ['master:7773'] : []),
  ];
}
