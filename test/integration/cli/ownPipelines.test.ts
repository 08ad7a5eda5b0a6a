import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { waitForEnd } from '../../../src/cli/start';
import { useCliServer } from '../../support/cliServer';
import { testConfig } from '../../support/environment';
import { until } from '../../support/eventually';

const pipelineAttribute = defineSearchAttributeKey('SluicePipeline', SearchAttributeType.KEYWORD);

const { client, sluice } = useCliServer({ inOneProcess: true });

/** Starts a workflow, marked as its worker, had it one, would mark a run of the pipeline. */
async function start(type: string, id: string, pipeline?: string): Promise<void> {
  await client().workflow.start(type, {
    ...{ taskQueue: 'own', workflowId: id },
    typedSearchAttributes: pipeline === undefined ? [] : [{ key: pipelineAttribute, value: pipeline }],
  });
  // What is listed follows what is started by some milliseconds.
  const query = `WorkflowId = '${id}'`;
  while ((await client().workflow.count(query)).count === 0) await sleep(50);
}

async function list(...args: string[]): Promise<string[]> {
  const { stdout } = await sluice(['list', '--json', ...args]);
  return (JSON.parse(stdout) as { id: string }[]).map(({ id }) => id).sort();
}

test('runs of pipelines that do not ship are listed, and no other workflows', async () => {
  await start('stranger', 'stranger-1');
  await start('jobs', 'batch-1', 'jobs');
  await start('nightly', 'nightly-1', 'nightly');
  expect(await list()).toEqual(['nightly-1']);
  expect(await list('--state', 'running')).toEqual(['nightly-1']);
  expect(await list('--pipeline', 'nightly')).toEqual(['nightly-1']);
  expect(await list('--pipeline', 'nightly', '--state', 'failed')).toEqual([]);
});

test('a name with neither pipeline nor run is refused with the nearest one', async () => {
  const { code, stderr } = await sluice(['list', '--pipeline', "mai'n"]);
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('UnknownPipeline') });
});

test.each([
  ['a pipeline that ships', 'job'],
  ['a pipeline that does not', 'nightly'],
])('the end of a start on arrival that was never made is told, for %s', async (_title, name) => {
  const { code, stdout, stderr } = await sluice(['start', name, '--on-arrival', 's3://lake/typo/*', '--off']);
  expect({ code, stdout, stderr }).toEqual({
    ...{ code: 0, stderr: '' },
    stdout: `${name}: was not started by s3://lake/typo/*\n`,
  });
});

test('the end of a start on arrival without a pattern asks for the pattern', async () => {
  const { code, stderr } = await sluice(['start', 'job', '--on-arrival', '--off']);
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('Say which') });
});

describe('with a server of objects that has no buckets', () => {
  let s3: Server;
  beforeAll(async () => {
    s3 = createServer((_request, response) => response.writeHead(404).end()).listen(0, '127.0.0.1');
    await once(s3, 'listening');
  });
  afterAll(() => s3.close());

  test('a start on arrival in a bucket that does not exist is refused', async () => {
    const args = ['start', 'main', '--on-arrival', 's3://nobucket/*.csv'];
    const { code, stderr } = await sluice(args, {
      ...{ AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${(s3.address() as AddressInfo).port}` },
      ...{ AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' },
    });
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('bucket nobucket') });
  });
});

test('a start on arrival is taken where the command line has no access to S3', async () => {
  const args = ['start', 'main', '--on-arrival', 's3://anybucket/*.csv'];
  const { code, stdout } = await sluice(args, { AWS_EC2_METADATA_DISABLED: 'true' });
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'main: started by each s3://anybucket/*.csv\n' });
});

test('without a worker, a cancelled run says so in time, and which task queue has none', async () => {
  await start('nightly', 'nightly-2', 'nightly');
  const { code, stderr } = await sluice(['cancel', 'nightly-2']);
  expect(code).toBe(1);
  expect(stderr).toContain(
    'Cancellation of nightly-2 was asked for, but no worker answers on the task queue own.',
  );
  expect(stderr).not.toContain('task queue sluice');
  const { events } = await client().workflow.getHandle('nightly-2').fetchHistory();
  expect(events?.some((event) => event.workflowExecutionCancelRequestedEventAttributes)).toBe(true);
}, 30_000);

test('start --wait says while it waits, once and not among the data, that no worker answers', async () => {
  const written = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      written[name] += String(text);
      return true;
    }),
  );
  try {
    await start('nightly', 'nightly-3', 'nightly');
    const session = { client: client(), config: testConfig, address: '' };
    const { runId } = await client().workflow.getHandle('nightly-3').describe();
    const ended = waitForEnd(session, { id: 'nightly-3', runId, url: null }, { json: true });
    await until(() => written.stderr !== '');
    expect(written.stdout).toBe('');
    await client().workflow.getHandle('nightly-3').terminate();
    await ended;
  } finally {
    for (const spy of spies) spy.mockRestore();
    process.exitCode = undefined;
  }
  expect(written.stderr).toMatch(/^The steps of nightly-3 cannot be shown: no worker answered .* own; .*\n$/);
  expect(JSON.parse(written.stdout)).toMatchObject({ state: 'terminated' });
}, 60_000);

test('an address of Temporal that is a URL says how to give it', async () => {
  const { code, stderr } = await sluice(['list'], { TEMPORAL_ADDRESS: 'http://127.0.0.1:1' });
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: 'InvalidInput: The address of Temporal is http://127.0.0.1:1. Give host:port, without http://\n',
  });
});
