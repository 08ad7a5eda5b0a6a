/** Waits whose objects change while they are awaited, or come late, on a server that skips time. */
import { createTestStack, type TestStack } from '../../../src/testing';
import { quietRuntime } from '../../support/environment';
import { gather } from './waitsPipelines';

let stack: TestStack;
beforeAll(async () => {
  quietRuntime();
  stack = await createTestStack({ pipelines: [gather] });
}, 120_000);
afterAll(() => stack?.stop());

let folders = 0;
/** Starts a run that waits for a folder of its own. */
async function start(completeOf: (folder: string) => object, late?: 'start new run') {
  const folder = `in-${++folders}`;
  const complete = JSON.stringify(completeOf(folder));
  const run = await stack.start(gather, { folder, complete, ...(late === undefined ? {} : { late }) });
  await run.waitUntil('wait', 'waiting');
  return { folder, uri: `s3://lake/${folder}`, run };
}

test('a quiet wait whose only object is replaced by an empty one goes on, and takes what comes next', async () => {
  const { folder, uri, run } = await start(() => ({ quiet: '10 minutes' }));
  await stack.arrive(`${uri}/a`, { body: 'content' });
  await stack.skip('1 minute');
  await stack.arrive(`${uri}/a`, { body: '' });
  await stack.skip('1 hour');
  await stack.arrive(`${uri}/a`, { body: 'content again' });
  expect(await run.result()).toEqual([`${folder}/a: 13`]);
});

test('a quiet wait takes an object whose event was lost, also when it is older than the newest one', async () => {
  const { folder, uri, run } = await start(() => ({ quiet: '10 minutes' }));
  // The listings with which its source begins have passed.
  await stack.skip('1 minute');
  await stack.put(`${uri}/untold`, { body: 'x' });
  await stack.skip('1 minute');
  await stack.arrive(`${uri}/told`, { body: 'x' });
  expect(await run.result()).toEqual([`${folder}/untold: 1`, `${folder}/told: 1`]);
});

test('a wait by a marker whose only object turns out to be empty waits for what takes its place', async () => {
  const { folder, uri, run } = await start((name) => ({ marker: `${name}/_SUCCESS` }));
  await stack.arrive(`${uri}/a`, { body: 'content' });
  await stack.skip('1 minute');
  await stack.put(`${uri}/a`, { body: '' });
  await stack.arrive(`${uri}/_SUCCESS`);
  await stack.skip('1 hour');
  expect((await run.status()).state).toBe('running');
  await stack.arrive(`${uri}/a`, { body: 'content again' });
  expect(await run.result()).toEqual([`${folder}/a: 13`]);
});

test('a run ends no earlier than all late objects that it has heard of have started their runs', async () => {
  stack.script('rest', { takes: '30 minutes' });
  const { uri, run } = await start(() => ({ count: 1 }), 'start new run');
  await stack.arrive(`${uri}/taken`);
  await run.waitUntil('rest', 'running');
  await stack.skip('29 minutes');
  stack.refuseS3('SlowDown');
  await stack.arrive(`${uri}/first`);
  // The run has done its work and goes on with the first, which is tried again a minute later at most.
  await stack.skip('61 seconds');
  await stack.arrive(`${uri}/second`);
  await stack.skip('5 seconds');
  stack.refuseS3(null);
  await run.result();
  const started = await Promise.all((await stack.runsOf(gather)).map(async ({ id }) => id));
  expect(started.filter((id) => id.includes(uri)).map((id) => id.replace(/@.*/, ''))).toEqual(
    expect.arrayContaining([`gather:${uri}/first`, `gather:${uri}/second`]),
  );
});
