import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { ChildProcess } from 'node:child_process';
import { Client, Connection } from '@temporalio/client';
import { startStack, type Stack } from '../../../src/local';
import { sluice } from '../../../test/support/cli';
import { describeLong } from '../../../test/support/long';
import { projectFile, projectOf } from '../../../test/support/project';
import { killWorker, WorkerProcesses } from '../../../test/support/workerProcesses';
import { AwsDouble } from '../src/doubles/awsDouble';
import { playedAws } from '../src/services';
import { findableForms, findForms, searchFolder, textsOf, watchProcesses } from './support/secrets';
import { portOffset } from '../../../test/support/portOffset';

const PORT_OFFSET = portOffset();
const WRITES = [
  ...['ssm:PutParameter', 'ssm:LabelParameterVersion', 'ssm:DeleteParameter'],
  ...['iam:CreateRole', 'iam:PutRolePolicy', 'iam:DeleteRolePolicy', 'iam:DeleteRole'],
  ...['lambda:CreateFunction', 'lambda:DeleteFunction'],
  ...['emr:CreateSecurityConfiguration', 'emr:DeleteSecurityConfiguration'],
];

// Kills of whole processes, one for each write.
describeLong('a worker that is killed when a write has had its effect', () => {
  let folder: string;
  let stack: Stack;
  let double: AwsDouble;
  let env: NodeJS.ProcessEnv;
  let client: Client;
  let connection: Connection;
  let worker: ChildProcess;
  let workers: WorkerProcesses;
  /** All private keys that were stored, in the end or by an attempt that was killed. */
  let keys: Set<string>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'emr-tls-killed-'));
    await mkdir(join(folder, 'logs'));
    workers = new WorkerProcesses(projectFile('emr-tls'), join(folder, 'logs', 'worker.log'));
    stack = await startStack({
      ...{
        dir: join(folder, 'stack'),
        portOffset: PORT_OFFSET,
        report: () => {},
        spark: false,
        worker: false,
      },
      ...projectOf('emr-tls'),
    });
    await writeFile(join(folder, 'emr-tls.jar'), 'a JAR');
    connection = await Connection.connect({ address: stack.info.temporal.address });
    client = new Client({ connection });
  }, 180_000);

  beforeEach(async () => {
    double = new AwsDouble();
    keys = new Set();
    const port = Number(new URL(await double.listen()).port);
    env = {
      ...stack.info.env,
      ...playedAws.env!({ port, dir: folder, env: {} }),
      // On AWS, without a cluster: the run ends after what is written.
      ...{ SLUICE_ENGINES: 'aws', EMR_TLS_JAR: join(folder, 'emr-tls.jar') },
    };
  });

  afterEach(() => double.close());

  afterAll(async () => {
    workers?.killAll();
    await connection?.close();
    await stack?.stop();
    await rm(folder, { recursive: true, force: true });
  }, 60_000);

  /**
   * Runs to the end, with the worker killed at the first write of each operation. Answers how often it was killed, when no
   * key was found in anything that is left.
   */
  async function runUnderKills(id: string, parameters: string[]): Promise<number> {
    const handle = client.workflow.getHandle(id);
    const killed = new Set<string>();
    double.hooks = {
      after: async ({ operation, input }) => {
        if (operation === 'ssm:PutParameter' && String(input['Name']).endsWith('private-key'))
          keys.add(input['Value'] as string);
        if (!WRITES.includes(operation) || killed.has(operation)) return;
        killed.add(operation);
        await killWorker(worker, [handle]);
        worker = await workers.start(env);
      },
    };
    const stopWatching = watchProcesses();
    worker = await workers.start(env);
    const given = ['instanceProfile=EMR_EC2_DefaultRole', ...parameters].flatMap((each) => ['-p', each]);
    const started = await sluice(['start', 'emr-tls', '--id', id, '--json', ...given], { env });
    expect(started).toMatchObject({ code: 0 });
    await handle.result().catch(() => undefined);
    worker.kill('SIGKILL');
    const processes = await stopWatching();
    const history = Buffer.from(textsOf((await handle.fetchHistory()).events).join('\n'));
    expect(keys.size).toBeGreaterThan(0);
    const forms = findableForms(keys);
    expect([
      ...(await searchFolder(folder, forms)),
      ...findForms('history', history, forms),
      ...findForms('processes', processes, forms),
    ]).toEqual([]);
    return killed.size;
  }

  test('is replaced by one that leaves one of each, and whole pairs', async () => {
    expect(await runUnderKills('killed', ['days=30'])).toBe(5);
    expect((await client.workflow.getHandle('killed').describe()).status.name).toBe('COMPLETED');
    expect([...double.lambda.functions.keys()]).toEqual(['get-ssm-parameter-lambda']);
    expect([...double.emr.securityConfigurations.keys()]).toEqual(['emr-tls-ssm']);
    expect([...double.iam.roles.keys()]).toEqual(['EMR_EC2_DefaultRole', 'lambda-ssm-parameter-store-role']);
    for (const kind of ['', 'inter-nodes-'])
      expect(
        new X509Certificate(double.ssm.text(`/emr/${kind}certificate`)).checkPrivateKey(
          createPrivateKey(double.ssm.text(`/emr/${kind}private-key`)),
        ),
      ).toBe(true);
  }, 600_000);

  test('while a failed run is undone is replaced by one that leaves nothing', async () => {
    const policy = 'emr-tls-ssm';
    double.iam.roles
      .get('EMR_EC2_DefaultRole')!
      .policies.set(
        policy,
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"a:b","Resource":"*"}]}',
      );
    // Another policy of the name is a conflict, which ends the run in its last step.
    expect(await runUnderKills('undone', ['days=30'])).toBeGreaterThanOrEqual(8);
    expect((await client.workflow.getHandle('undone').describe()).status.name).toBe('FAILED');
    expect(
      double.ssm.parameters.size + double.lambda.functions.size + double.emr.securityConfigurations.size,
    ).toBe(0);
    expect([...double.iam.roles.keys()]).toEqual(['EMR_EC2_DefaultRole']);
    expect([...double.iam.roles.get('EMR_EC2_DefaultRole')!.policies.keys()]).toEqual([policy]);
  }, 600_000);
});
