/**
 * The part of the contract that moto's server can do, which nobody here wrote. It has no BatchGetQueryExecution (Athena),
 * keeps no client token (DynamoDB, EMR Serverless), tells Redshift's times in a form that the SDK refuses, and ends no EMR step.
 */
import { CreateCrawlerCommand, CreateJobCommand, GlueClient } from '@aws-sdk/client-glue';
import type { Job } from '../../src/jobs';
import { RunnerRegistry } from '../../src/runners';
import { Attempts } from '../../src/testing/contract/attempts';
import { EVERYWHERE } from '../../src/testing/contract/everywhere';
import { quietRuntime } from '../support/environment';
import { startMoto, type Moto } from '../support/moto';
import { emrClusters } from './cases/emr';
import { glueCrawlers } from './cases/glueCrawlers';
import { glueJobs } from './cases/glueJobs';
import type { ClientSettings, ContractCase } from './contractCase';

const GAP_MS = 5;
const ROLE = 'arn:aws:iam::123456789012:role/etl';
let moto: Moto;
let settings: ClientSettings;

beforeAll(async () => {
  quietRuntime();
  moto = await startMoto();
  const { endpoint, region, credentials } = moto;
  settings = { endpoint, region, credentials, maxAttempts: 1 };
}, 300_000);

/** Each makes what its job needs, anew for each test, and returns the job. */
const PREPARED: [ContractCase, (name: string) => Promise<Job>][] = [
  [
    glueJobs,
    async (Name) => {
      const Command = { Name: 'glueetl', ScriptLocation: 's3://lake/load.py' };
      await new GlueClient(settings).send(new CreateJobCommand({ Name, Role: ROLE, Command }));
      return { resource: 'glue:startJobRun', parameters: { JobName: Name } };
    },
  ],
  [
    glueCrawlers,
    async (Name) => {
      const Targets = { S3Targets: [{ Path: 's3://lake/sales' }] };
      await new GlueClient(settings).send(
        new CreateCrawlerCommand({ Name, Role: ROLE, DatabaseName: 'lake', Targets }),
      );
      return { resource: 'glue:startCrawler', parameters: { Name } };
    },
  ],
  [
    emrClusters,
    (Name) => {
      const group = { InstanceRole: 'MASTER', InstanceType: 'm5.xlarge', InstanceCount: 1 } as const;
      const Instances = { InstanceGroups: [group], KeepJobFlowAliveWhenNoSteps: true };
      const roles = { JobFlowRole: 'EMR_EC2_DefaultRole', ServiceRole: 'EMR_DefaultRole' };
      const parameters = { Name, ReleaseLabel: 'emr-7.1.0', Instances, ...roles };
      return Promise.resolve({ resource: 'elasticmapreduce:createCluster', parameters });
    },
  ],
];

const registry = new RunnerRegistry();
let tests = 0;
describe.each(PREPARED.map(([given, prepare]) => [given.job.resource, given, prepare] as const))(
  '%s',
  (_, given, prepare) => {
    test.each(Object.entries(EVERYWHERE))('%s', async (_title, body) => {
      const job = await prepare(`load-${++tests}`);
      const definition = registry.find(job.resource);
      const attempts = new Attempts(definition, job, () => given.createRunner(settings, GAP_MS));
      await body({ attempts, finish: () => {} });
    });
  },
);
