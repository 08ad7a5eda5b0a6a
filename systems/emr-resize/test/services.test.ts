import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { DescribeClusterCommand, EMRClient } from '@aws-sdk/client-emr';
import { STANDING } from '../src/cluster/localEmr';
import { clusterRunners } from '../src/runners/localClusters';
import { emrCluster } from '../src/services';

const environment = { ...process.env };
let service: ChildProcess | undefined;
afterEach(async () => {
  process.env = { ...environment };
  vi.restoreAllMocks();
  if (service === undefined) return;
  service.kill('SIGTERM');
  await once(service, 'exit');
  service = undefined;
});

test('without Java the local cluster is a simulator, and says so wherever it is asked', async () => {
  const said = vi.spyOn(console, 'error').mockImplementation(() => {});
  process.env['PATH'] = '';
  delete process.env['JAVA_HOME'];
  const command = emrCluster.command as (context: object) => Promise<readonly string[]>;
  const [program, ...args] = await command({ port: 0, dir: '/nowhere', env: {} });
  expect(args.slice(1)).toEqual(['cluster', '0', '/nowhere']);
  expect(said).toHaveBeenCalledWith(expect.stringMatching('its HDFS is a simulator[^]*Java'));
  service = spawn(program!, args, { env: environment, stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: service.stdout! });
  const [ready] = (await once(lines, 'line')) as [string];
  expect(ready).toMatch(/^ready: .*HDFS: simulator, YARN: simulator$/);
  const endpoint = /http:[^,]+/.exec(ready)![0];
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  const emr = new EMRClient({ endpoint, region: 'us-east-1', credentials });
  const { Cluster } = await emr.send(new DescribeClusterCommand({ ClusterId: STANDING }));
  emr.destroy();
  expect(Cluster!.Tags).toEqual([
    { Key: 'hdfs', Value: 'simulator' },
    { Key: 'yarn', Value: 'simulator' },
  ]);
}, 60_000);

test('in local mode, the runners of clusters go to the local one alone, and never to AWS', () => {
  delete process.env['AWS_ENDPOINT_URL_EMR'];
  const context = { config: { engines: 'local', pollMinMs: 1 } } as never;
  expect(clusterRunners.map(({ resource }) => resource)).toEqual([
    'elasticmapreduce:createCluster',
    'elasticmapreduce:modifyInstanceFleetByName',
    'elasticmapreduce:modifyInstanceGroupByName',
    'elasticmapreduce:terminateCluster',
  ]);
  for (const runner of clusterRunners) {
    expect(() => runner.create(context)).toThrow('--service emr');
    expect(
      runner.create({ ...(context as object), config: { engines: 'aws', pollMinMs: 1 } } as never),
    ).toBeDefined();
  }
  process.env['AWS_ENDPOINT_URL_EMR'] = 'http://127.0.0.1:1';
  for (const runner of clusterRunners) expect(runner.create(context)).toBeDefined();
});
