import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetParameterCommand } from '@aws-sdk/client-ssm';
import { Client, Connection } from '@temporalio/client';
import { startStack, type Stack } from '../../../src/local';
import { sluice } from '../../../test/support/cli';
import { WITH_SYSTEMS } from '../../../test/support/project';
import { closeAws, createAws, type Aws } from '../src/aws';
import { parameterNames } from '../src/names';
import { playedAws } from '../src/services';
import { findableForms, findForms, readProcesses, searchFolder } from './support/secrets';
import { KEYS } from './support/taskContext';

const PORT_OFFSET = 17_000;
const names = parameterNames('/emr');

let folder: string;
let stack: Stack;
let aws: Aws;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'emr-tls-e2e-'));
  stack = await startStack({
    ...{ dir: folder, portOffset: PORT_OFFSET, report: () => {}, spark: false },
    ...WITH_SYSTEMS,
    project: { ...WITH_SYSTEMS.project!, services: [playedAws] },
  });
  aws = createAws({
    endpoint: stack.info.env['AWS_ENDPOINT_URL_SSM']!,
    region: 'us-east-1',
    credentials: KEYS,
  });
}, 180_000);

afterAll(async () => {
  if (aws) closeAws(aws);
  await stack?.stop();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

/** All texts in a value, bytes among them as such. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  // Bytes of the client are of another realm than those of a test.
  if (ArrayBuffer.isView(value)) return [Buffer.from(value as Uint8Array).toString()];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(textsOf);
}

const readText = async (Name: string) =>
  (await aws.ssm.send(new GetParameterCommand({ Name, WithDecryption: true }))).Parameter!.Value!;

test('on a local stack two JVMs talk TLS as nodes, and the key is nowhere but in the store', async () => {
  const watched: Buffer[] = [];
  let running = true;
  const watching = (async () => {
    while (running) {
      watched.push(await readProcesses());
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  })();
  const args = ['days=20', 'instanceProfile=EMR_EC2_DefaultRole'].flatMap((given) => ['-p', given]);
  const ended = await sluice(['start', 'emr-tls', '--id', 'whole', '--wait', '--json', ...args], {
    env: stack.info.env,
  });
  running = false;
  await watching;
  expect(ended).toMatchObject({ code: 0 });
  const { result } = JSON.parse(ended.stdout) as { result: { fingerprint: string } };
  const domain = `${stack.info.s3.region}.compute.internal`.replace(/^us-east-1\.compute/, 'ec2');
  const handshake = { protocol: 'TLSv1.3', subject: expect.stringContaining(`CN=*.${domain}`) };
  expect(result).toMatchObject({
    securityConfiguration: 'emr-tls-ssm',
    verified: [
      { from: 'core', to: 'master', ...handshake },
      { from: 'master', to: 'core', ...handshake },
    ],
  });

  const connection = await Connection.connect({ address: stack.info.temporal.address });
  const handle = new Client({ connection }).workflow.getHandle('whole');
  const { events } = await handle.fetchHistory();
  const history = textsOf(events).join('\n');
  await connection.close();
  const processes = Buffer.concat(watched);
  const search = async (forms: Map<string, Buffer>) => [
    ...(await searchFolder(folder, forms)),
    ...findForms('history', Buffer.from(history), forms),
    ...findForms('processes', processes, forms),
    ...findForms('command line', Buffer.from(ended.stdout + ended.stderr), forms),
  ];
  for (const name of [names.privateKey, names.nodesPrivateKey])
    expect(await search(findableForms(await readText(name)))).toEqual([]);
  // The same search finds what is there.
  const found = await search(new Map([['fingerprint', Buffer.from(result.fingerprint)]]));
  expect(found).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/temporal.*: fingerprint$/),
      'history: fingerprint',
      'command line: fingerprint',
    ]),
  );
  expect(
    findForms('processes', processes, new Map([['node', Buffer.from('sluice.emrtls.Node')]])),
  ).toHaveLength(1);
}, 300_000);
