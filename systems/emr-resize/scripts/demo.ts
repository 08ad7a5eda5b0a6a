/**
 * Two clusters of this machine, each a real HDFS of 6 nodes with 300 small files, are resized to 5: one by Hadoop's defaults,
 * one with the fast settings. `npm run demo -- [--dir DIR] [--port-offset N]`
 */
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { EMRClient, RunJobFlowCommand } from '@aws-sdk/client-emr';
import { runDemo, say, withLocalStack, type DemoStack } from 'sluice-demo';
import { STANDING } from '../src/cluster/localEmr';

const { values } = parseArgs({
  options: {
    dir: { type: 'string', default: join(tmpdir(), `sluice-resize-demo-${process.pid}`) },
    'port-offset': { type: 'string', default: '400' },
  },
});
const FILES = { files: '300', bytes: '2048' };
const stack = { project: join(__dirname, '..'), dir: values.dir, portOffset: values['port-offset'] };

async function resize(run: DemoStack['run'], clusterId: string, fast: string) {
  const given = { clusterId, group: 'core', target: 5, fast, lake: `s3://lake/${clusterId}` };
  const result = (await run('emr-resize', given)) as { report: string; seconds: number };
  const file = join(values.dir, 's3', ...result.report.slice('s3://'.length).split('/'));
  const report = JSON.parse(await readFile(file, 'utf8')) as {
    estimatedSeconds: { least: number; most: number };
  };
  const { least, most } = report.estimatedSeconds;
  return { ...result, least, most, page: file.replace('report.json', 'report.html') };
}

runDemo(() =>
  withLocalStack(stack, async ({ env, ui, run }) => {
    const endpoint = env['AWS_ENDPOINT_URL_EMR']!;
    const hdfs = async (clusterId: string, verb: string) =>
      (await (await fetch(`${endpoint}/hdfs/${clusterId}/${verb}`)).json()) as Record<string, unknown>;
    say(`a cluster, S3 and Temporal are up: ${ui.url}`);
    const emr = new EMRClient({
      ...{ endpoint, region: 'us-east-1', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } },
      requestHandler: { requestTimeout: 120_000 },
    });
    const Instances = {
      InstanceGroups: [
        { InstanceRole: 'MASTER' as const, InstanceType: 'local', InstanceCount: 1 },
        { InstanceRole: 'CORE' as const, InstanceType: 'local', InstanceCount: 6 },
      ],
    };
    const { JobFlowId: second } = await emr.send(new RunJobFlowCommand({ Name: 'second', Instances }));
    emr.destroy();
    const written = await Promise.all(
      [STANDING, second!].map((id) => hdfs(id, `write?${String(new URLSearchParams(FILES))}`)),
    );
    say(`two clusters of 6 nodes with ${FILES.files} small files each; HDFS: ${String(written[0]!['kind'])}`);
    const [slow, fast] = await Promise.all([resize(run, STANDING, 'false'), resize(run, second!, 'true')]);
    const tell = (name: string, { seconds, least, most }: typeof slow) =>
      say(`${name}: 6 to 5 nodes in ${seconds.toFixed(1)} s; HDFS was estimated at ${least} to ${most} s`);
    tell('by default', slow);
    tell('with the fast settings', fast);
    for (const id of [STANDING, second!]) {
      const { files, readable } = await hdfs(id, 'check');
      const { properties } = await hdfs(id, 'status');
      say(
        `${id}: ${String(readable)} of ${String(files)} files are whole; settings: ${Object.values(properties as object).join(', ')}`,
      );
    }
    say(`pages: ${slow.page} and ${fast.page}`);
  }),
);
