/** `docs/iam`, the calls that the runners make, and what `sluice doctor` asks. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { missingPermission, RunnerRegistry, SHIPPED_RUNNERS } from '../../src/runners';
import { ensureAwsTestTools } from '../../src/local';
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

/** The folder of a service's runner, the prefix of its actions, and the policies that must allow what it calls. */
test.each([
  ['glueJobs', 'glue', ['glue-startJobRun']],
  ['glueCrawler', 'glue', ['glue-startCrawler']],
  ['athena', 'athena', ['athena-startQueryExecution']],
  ['emrServerless', 'emr-serverless', ['emr-serverless-startJobRun']],
  ['redshiftData', 'redshift-data', ['redshiftdata-executeStatement', 'redshiftdata-batchExecuteStatement']],
])('what %s calls is allowed', (folder, prefix, names) => {
  const path = join(root, 'src', 'runners', folder, 'runner.ts');
  expect(existsSync(path)).toBe(true);
  const called = [...readFileSync(path, 'utf8').matchAll(/new (\w+)Command\(/g)].map((match) => match[1]!);
  expect(called).not.toHaveLength(0);
  const allowed = names.flatMap((name) => actionsOf(readPolicy(`${name}.json`)));
  expect(called.map((name) => `${prefix}:${name}`).filter((action) => !allowed.includes(action))).toEqual([]);
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
