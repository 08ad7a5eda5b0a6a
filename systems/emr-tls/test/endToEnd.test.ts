import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetParameterCommand, GetParameterHistoryCommand, PutParameterCommand } from '@aws-sdk/client-ssm';
import { PutRolePolicyCommand } from '@aws-sdk/client-iam';
import { Client, Connection } from '@temporalio/client';
import { startStack, type Stack } from '../../../src/local';
import { sluice } from '../../../test/support/cli';
import { projectFile, projectOf } from '../../../test/support/project';
import { killWorker, WorkerProcesses } from '../../../test/support/workerProcesses';
import { closeAws, createAws, type Aws } from '../src/aws';
import { parameterNames } from '../src/names';
import { playedAws } from '../src/services';
import { findableForms, findForms, searchFolder, textsOf, watchProcesses } from './support/secrets';
import { KEYS } from './support/taskContext';
import { portOffset } from '../../../test/support/portOffset';

const PORT_OFFSET = portOffset();
const names = parameterNames('/emr');

let folder: string;
let stack: Stack;
let aws: Aws;
let connection: Connection;
let client: Client;
let workers: WorkerProcesses;
let worker: Awaited<ReturnType<WorkerProcesses['start']>>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'emr-tls-e2e-'));
  await mkdir(join(folder, 'logs'));
  workers = new WorkerProcesses(projectFile('emr-tls'), join(folder, 'logs', 'worker.log'));
  stack = await startStack({
    ...{
      dir: folder,
      portOffset: PORT_OFFSET,
      report: () => {},
      spark: false,
      worker: false,
      webhook: false,
    },
    ...projectOf('emr-tls', [playedAws]),
  });
  aws = createAws({
    endpoint: stack.info.env['AWS_ENDPOINT_URL_SSM']!,
    region: 'us-east-1',
    credentials: KEYS,
  });
  connection = await Connection.connect({ address: stack.info.temporal.address });
  client = new Client({ connection });
  worker = await workers.start(stack.info.env);
}, 180_000);

afterAll(async () => {
  workers?.killAll();
  if (aws) closeAws(aws);
  await connection?.close();
  await stack?.stop();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

/** What a run has left behind to be searched, and what it said. */
interface Ended {
  code: number | null;
  stdout: string;
  search: (forms: Map<string, Buffer>) => Promise<string[]>;
}

/** Runs to the end, with all processes watched, and answers how all that is left can be searched. */
async function runWatched(parameters: string[], meanwhile: (id: string) => Promise<void>): Promise<Ended> {
  const id = `run-${randomUUID()}`;
  const args = ['start', 'emr-tls', '--id', id, '--wait', '--json'];
  const given = ['days=20', 'instanceProfile=EMR_EC2_DefaultRole', ...parameters].flatMap((p) => ['-p', p]);
  const stopWatching = watchProcesses();
  let ended, processes;
  try {
    [ended] = await Promise.all([sluice([...args, ...given], { env: stack.info.env }), meanwhile(id)]);
  } finally {
    processes = await stopWatching();
  }
  const { events } = await client.workflow.getHandle(id).fetchHistory();
  const places = {
    history: Buffer.from(textsOf(events).join('\n')),
    processes,
    'command line': Buffer.from(ended.stdout + ended.stderr),
  };
  const search: Ended['search'] = async (forms) => [
    ...(await searchFolder(folder, forms)),
    ...Object.entries(places).flatMap(([place, bytes]) => findForms(place, bytes, forms)),
  ];
  return { ...ended, search };
}

const readText = async (Name: string) =>
  (await aws.ssm.send(new GetParameterCommand({ Name, WithDecryption: true }))).Parameter!.Value!;
const readVersions = async (Name: string) =>
  (await aws.ssm.send(new GetParameterHistoryCommand({ Name }))).Parameters!;

test('on a local stack two JVMs talk TLS as nodes, and the key is nowhere but in the store', async () => {
  const { code, stdout, search } = await runWatched([], () => Promise.resolve());
  expect(code).toBe(0);
  const { result } = JSON.parse(stdout) as { result: { fingerprint: string } };
  const domain = `${stack.info.s3.region}.compute.internal`.replace(/^us-east-1\.compute/, 'ec2');
  const handshake = { protocol: 'TLSv1.3', subject: expect.stringContaining(`CN=*.${domain}`) };
  expect(result).toMatchObject({
    securityConfiguration: 'emr-tls-ssm',
    verified: [
      { from: 'core', to: 'master', ...handshake },
      { from: 'master', to: 'core', ...handshake },
    ],
  });
  const stored = await Promise.all([names.privateKey, names.nodesPrivateKey].map(readText));
  expect(await search(findableForms(stored))).toEqual([]);
  // The same search finds what is there.
  expect(await search(new Map([['fingerprint', Buffer.from(result.fingerprint)]]))).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/temporal.*: fingerprint$/),
      'history: fingerprint',
      'command line: fingerprint',
    ]),
  );
  expect(await search(new Map([['node', Buffer.from('sluice.emrtls.Node')]]))).toContain('processes: node');
}, 300_000);

test('nor is the key of a run whose worker is killed, and that fails and is undone', async () => {
  // What was there before is there again, so the store keeps the run's own versions, too.
  for (const Name of Object.values(names))
    await aws.ssm.send(
      new PutParameterCommand({
        Name,
        Value: 'before',
        Type: 'SecureString',
        KeyId: 'alias/emr-tls',
        Overwrite: true,
      }),
    );
  const isOwn = ({ Description }: { Description?: string | undefined }) =>
    /^sluice emr-tls \w+ /.test(Description ?? '');
  const before = (await readVersions(names.nodesPrivateKey)).length;
  // Another policy of the configuration's name is a conflict, which ends the run in its last step but one.
  const policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"a:b","Resource":"*"}]}';
  const conflict = { RoleName: 'EMR_EC2_DefaultRole', PolicyName: 'conflict', PolicyDocument: policy };
  await aws.iam.send(new PutRolePolicyCommand(conflict));
  const { code, search } = await runWatched(['name=conflict'], async (id) => {
    while (!(await readVersions(names.nodesPrivateKey)).slice(before).some(isOwn))
      await new Promise((resolve) => setTimeout(resolve, 50));
    await killWorker(worker, [client.workflow.getHandle(id)]);
    worker = await workers.start(stack.info.env);
  });
  expect(code).not.toBe(0);
  expect(await search(new Map([['conflict', Buffer.from('The policy conflict of the role')]]))).toEqual(
    expect.arrayContaining([expect.stringMatching(/worker\.log: /), 'history: conflict']),
  );
  const keys: string[] = [];
  for (const name of [names.privateKey, names.nodesPrivateKey]) {
    expect(await readText(name)).toBe('before');
    const own = (await readVersions(name)).slice(before).filter(isOwn);
    expect(own.length).toBeGreaterThan(0);
    for (const { Version } of own) keys.push(await readText(`${name}:${Version}`));
  }
  expect(await search(findableForms(keys))).toEqual([]);
}, 300_000);
