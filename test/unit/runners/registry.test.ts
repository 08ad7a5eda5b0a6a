import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { defineRunner, SluiceError } from '../../../src';
import { readInput } from '../../../src/cli/options';
import { RunnerRegistry, Runners, SHIPPED_RUNNERS } from '../../../src/runners';
import { readConfig } from '../../../src/setup/config';
import { job } from '../../../src/workflows/job';
import { CASES } from '../../contract/cases';
import { acmeRefresh } from '../../support/acme';
import { runnerContext } from '../../support/runners';

const root = join(__dirname, '..', '..', '..');
const readDoc = (name: string) => readFileSync(join(root, 'docs', name), 'utf8');

/** Resources whose runners are tested otherwise than by the contract suite, and by which test. */
const OWN_TESTS: Record<string, string> = {
  'duckdb:query': 'test/unit/duckdb/runner.test.ts',
  'worker:task': 'test/unit/tasks/workerTask.test.ts',
  'livy:createBatch': 'test/e2e/workerKilled.test.ts',
  'lambda:invoke': 'test/contract/lambda.test.ts',
  'elasticmapreduce:cancelStep': 'test/contract/emr.test.ts',
  'elasticmapreduce:terminateCluster': 'test/contract/emr.test.ts',
  'elasticmapreduce:modifyInstanceGroupByName': 'test/contract/emr.test.ts',
  'elasticmapreduce:modifyInstanceFleetByName': 'test/contract/emr.test.ts',
};

test.each(SHIPPED_RUNNERS.map((runner) => [runner.resource, runner] as const))(
  '%s has its section of docs/jobs.md, a test of its contract, and what its engines need',
  (resource, { engines, policy }) => {
    expect(readDoc('jobs.md')).toMatch(new RegExp(`^## .*\`${resource}\``, 'm'));
    const isInSuite = CASES.some((given) => given.job.resource === resource);
    if (!isInSuite) expect(readFileSync(join(root, OWN_TESTS[resource]!), 'utf8')).toContain(resource);
    if (policy !== undefined) expect(readFileSync(join(root, policy), 'utf8')).toContain('"Statement"');
    if (engines === undefined) expect(readDoc('local-mode.md')).toContain(`\`${resource}\``);
  },
);

describe("a runner of one's own", () => {
  const registry = new RunnerRegistry([acmeRefresh]);

  test('is checked by its schema, all problems at once, before a run starts', () => {
    expect(registry.findParameterProblems('acme:refresh', { table: 'leads' })).toEqual([]);
    const given = { resource: 'acme:refresh', parameters: { table: 5, tabel: 'leads' } };
    const read = () =>
      readInput(job.description, { parameter: { job: JSON.stringify(given) } }, readConfig({}), registry);
    expect(read).toThrow(SluiceError);
    expect(read).toThrow(/parameters\.table: .*string[\s\S]*parameters: .*"tabel"/);
  });

  test('is among the resources that are told when one is not known', () => {
    expect(registry.findParameterProblems('acme:refesh', {})).toEqual([
      expect.stringMatching(/^resource: "acme:refesh" is no resource; give one of .*acme:refresh/),
    ]);
    const plain = new RunnerRegistry();
    expect(plain.findParameterProblems('acme:refresh', {})[0]).toContain('is no resource');
  });

  test('with a schema that answers later is refused with the reason', () => {
    const parameters = z.strictObject({ table: z.string() }).refine(() => Promise.resolve(true));
    const slow = new RunnerRegistry([{ ...acmeRefresh, parameters }]);
    expect(() => slow.findParameterProblems('acme:refresh', { table: 'a' })).toThrow(/once|async/i);
  });

  test('may stand in for one that ships', async () => {
    const own = { ...SHIPPED_RUNNERS.find(({ resource }) => resource === 'livy:createBatch')! };
    const runner = await acmeRefresh.create(runnerContext());
    const runners = new Runners(new RunnerRegistry([{ ...own, create: () => runner }]), runnerContext());
    expect(await runners.get('livy:createBatch')).toBe(runner);
  });

  test('is made once a worker, and again when it could not be made', async () => {
    let made = 0;
    const create = () => {
      if (++made === 1) throw new SluiceError('NoEngine', 'no Acme here; set ACME_URL');
      return acmeRefresh.create(runnerContext());
    };
    const runners = new Runners(new RunnerRegistry([{ ...acmeRefresh, create }]), runnerContext());
    await expect(runners.get('acme:refresh')).rejects.toMatchObject({ code: 'NoEngine' });
    const [a, b] = await Promise.all([runners.get('acme:refresh'), runners.get('acme:refresh')]);
    expect(a).toBe(b);
    expect(made).toBe(2);
  });
});

test('a definition that is none is refused where it is written', () => {
  const parameters = z.strictObject({});
  expect(() => defineRunner({ ...acmeRefresh, resource: 'refresh' as never, parameters })).toThrow(
    'defineRunner: "refresh" is no resource; give service:verb, such as acme:refresh',
  );
  expect(() => defineRunner({ ...acmeRefresh, parameters: {} as never })).toThrow(
    'acme:refresh: parameters is no Standard Schema',
  );
});

test('a resource without an engine here says what to do', async () => {
  const config = { ...readConfig({}), engines: 'local' as const, s3Dir: '/tmp' };
  const runners = new Runners(new RunnerRegistry(), runnerContext({ config }));
  await expect(runners.get('lambda:invoke')).rejects.toMatchObject({
    code: 'NoEngine',
    message: expect.stringContaining('has no local engine') as string,
  });
  await expect(runners.get('glue:startJobRun')).rejects.toMatchObject({
    code: 'NoEngine',
    message: expect.stringContaining('set SLUICE_LIVY_URL') as string,
  });
});
