/** `docs/iam`, the calls that the runners make, and what `sluice doctor` asks. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { missingPermission, RunnerRegistry, SHIPPED_RUNNERS } from '../../src/runners';
import { ensureAwsTestTools } from '../../src/local';
import { agentEvents } from '../../systems/agent-events/src/pipelines/agentEvents';
import { contactTraceRecords } from '../../systems/contact-trace-records/src/pipelines/contactTraceRecords';
import { reviewsExport } from '../../systems/reviews-export/src/pipelines/reviewsExport';
import { AwsDouble, ServiceFault, type ServiceDouble } from '../support/aws/double';

const root = join(__dirname, '..', '..');
const policies = join(root, 'docs', 'iam');
/** The resources whose runners call no AWS service. */
const NOT_OF_AWS = ['livy:createBatch', 'worker:task'];
const registry = new RunnerRegistry();

interface Policy {
  Statement: { Action: string[]; Resource: string | string[] }[];
}
const readPolicy = (file: string) => JSON.parse(readFileSync(join(policies, file), 'utf8')) as Policy;
const actionsOf = (policy: Policy) => policy.Statement.flatMap(({ Action }) => Action);

test('every AWS resource has its policy, and no other is there', () => {
  const expected = SHIPPED_RUNNERS.filter(({ resource }) => !NOT_OF_AWS.includes(resource)).map(
    ({ resource, policy }) => policy ?? `${resource} has no policy`,
  );
  const present = readdirSync(policies).filter((name) => name.endsWith('.json'));
  expect(present.map((name) => `docs/iam/${name}`).sort()).toEqual([...expected].sort());
});

const commandsOf = (path: string) =>
  [...readFileSync(join(root, path), 'utf8').matchAll(/new (\w+)Command\(|paginate(\w+)\(/g)].map(
    (match) => (match[1] ?? match[2])!,
  );

/** The folder of a service's runner, the prefix of its actions, and the policies that must allow what it calls. */
const RUNNERS: [folder: string, prefix: string, policies: string[]][] = [
  ['src/runners/glueJobs', 'glue', ['glue-startJobRun']],
  ['src/runners/glueCrawler', 'glue', ['glue-startCrawler']],
  ['src/runners/athena', 'athena', ['athena-startQueryExecution']],
  ['src/runners/emrServerless', 'emr-serverless', ['emr-serverless-startJobRun']],
  [
    'src/runners/redshiftData',
    'redshift-data',
    ['redshiftdata-executeStatement', 'redshiftdata-batchExecuteStatement'],
  ],
  [
    'systems/reviews-export/src/runners/dynamodbExport',
    'dynamodb',
    ['../../systems/reviews-export/iam/dynamodb-exportTableToPointInTime'],
  ],
];
const callsOf = ([folder, prefix]: (typeof RUNNERS)[number]) =>
  commandsOf(join(folder, 'runner.ts')).map((name) => `${prefix}:${name}`);

test.each(RUNNERS)('what %s calls is allowed', (...runner) => {
  const called = callsOf(runner);
  expect(called).not.toHaveLength(0);
  const allowed = runner[2].flatMap((name) => actionsOf(readPolicy(`${name}.json`)));
  expect(called.filter((action) => !allowed.includes(action))).toEqual([]);
});

/** What the lake's part calls, by the actions that allow it: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html */
const S3_ACTIONS: Record<string, string> = {
  ListObjectsV2: 's3:ListBucket',
  HeadBucket: 's3:ListBucket',
  HeadObject: 's3:GetObject',
  ListMultipartUploads: 's3:ListBucketMultipartUploads',
  CreateMultipartUpload: 's3:PutObject',
  UploadPart: 's3:PutObject',
  CompleteMultipartUpload: 's3:PutObject',
};
const lakeActions = [
  ...new Set(
    ['lakeFiles.ts', 'multipartUpload.ts', 'manifest.ts']
      .flatMap((file) => commandsOf(join('src', 'lake', file)))
      .map((name) => S3_ACTIONS[name] ?? `s3:${name}`),
  ),
];

test('what a worker does in its lake is allowed', () => {
  const allowed = actionsOf(readPolicy('duckdb-query.json'));
  expect(lakeActions.length).toBeGreaterThan(4);
  expect(lakeActions.filter((action) => !allowed.includes(action))).toEqual([]);
});

/** The actions of the template's policy for the worker. */
function workerActions(system: string): string[] {
  const text = readFileSync(join(root, 'systems', system, 'template.yaml'), 'utf8');
  const policy = /\n {2}WorkerPolicy:\n((?: {3,}.*\n|\n)*)/.exec(text)![1]!;
  return [...policy.matchAll(/\b[a-z][a-z0-9-]+:[A-Z]\w+/g)].map(([action]) => action);
}

test.each([
  ['agent-events', agentEvents],
  ['contact-trace-records', contactTraceRecords],
  ['reviews-export', reviewsExport],
] as const)('the template of %s allows what the jobs of its pipeline call', (system, pipeline) => {
  const resources = pipeline.description.resources!.map((resource) => resource.replace(':', '-'));
  const runners = RUNNERS.filter(([, , names]) => names.some((name) => resources.includes(basename(name))));
  expect(runners).not.toHaveLength(0);
  const allowed = workerActions(system);
  const called = [...runners.flatMap(callsOf), ...lakeActions];
  // A pipeline sends single statements to Redshift.
  const needed = called.filter((action) => action !== 'redshift-data:BatchExecuteStatement');
  expect(needed.filter((action) => !allowed.includes(action))).toEqual([]);
});

describe('the doctor', () => {
  const SERVICES = ['glue', 'athena', 'emr', 'emr-serverless', 'redshift-data', 'lambda'];
  /** A service that answers every call with the same refusal. */
  const refusing = (service: string, fault: ServiceFault): ServiceDouble => ({
    service,
    handlers: new Proxy(
      {},
      {
        get: () => () => {
          throw fault;
        },
      },
    ),
  });
  let serviceModels: string;
  beforeAll(async () => {
    ({ serviceModels } = await ensureAwsTestTools({ env: process.env, report: () => {} }));
  }, 300_000);

  async function probeAll(fault: ServiceFault): Promise<(Error | null)[]> {
    const aws = new AwsDouble(
      serviceModels,
      SERVICES.map((service) => refusing(service, fault)),
    );
    const endpoint = await aws.start();
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    const settings = { endpoint, region: 'eu-west-1', credentials, maxAttempts: 1 };
    try {
      return await Promise.all(
        registry.probedResources.map((resource) =>
          registry.probe(resource, settings).then(
            () => null,
            (error: Error) => error,
          ),
        ),
      );
    } finally {
      await aws.stop();
      expect(aws.violations).toEqual([]);
    }
  }

  test('names the permission that is missing, for every resource', async () => {
    const message =
      'User: arn:aws:iam::1:user/me is not authorized to perform: glue:GetJobRuns on resource: x';
    const found = await probeAll(new ServiceFault('AccessDeniedException', message));
    for (const error of found) {
      expect(error).toMatchObject({ code: 'AccessDenied' });
      expect(missingPermission(error!.message)).toBe('glue:GetJobRuns');
    }
  });

  test('takes the answer that there is no such thing for leave to ask', async () => {
    const found = await probeAll(new ServiceFault('ResourceNotFoundException', 'no such thing'));
    expect(found.filter((error) => error !== null)).toEqual([]);
  });
});
