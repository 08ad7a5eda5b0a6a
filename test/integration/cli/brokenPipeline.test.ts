/**
 * What `sluice status` tells of a run whose code cannot go on with it, on the real server, which makes the third attempt after
 * more than 10 s: in the long form alone.
 */
import { join } from 'node:path';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { StuckRuns } from '../../../src/activities/stuckRuns';
import { readStatus } from '../../../src/cli/readStatus';
import { waitForEnd } from '../../../src/cli/start';
import { quietRuntime, startServer, startTestWorker, testConfig } from '../../support/environment';
import { eventually, until } from '../../support/eventually';
import { isLong, testLong } from '../../support/long';

let environment: TestWorkflowEnvironment;
let worker: Awaited<ReturnType<typeof startTestWorker>>;

beforeAll(async () => {
  if (!isLong) return;
  quietRuntime();
  environment = await startServer();
  worker = await startTestWorker(environment, { files: [join(__dirname, '..', 'testing', 'pipelines.ts')] });
}, 120_000);

afterAll(async () => {
  await worker?.stop();
  await environment?.teardown();
}, 60_000);

testLong(
  'a run whose task fails again and again is told with what its code said',
  async () => {
    const handle = await environment.client.workflow.start('broken', {
      taskQueue: 'test',
      workflowId: 'broken',
      args: [{}],
    });
    const session = { client: environment.client, config: testConfig, address: environment.address };
    const before = Date.now();
    const notes: string[] = [];
    const { problems, state } = await eventually(
      () => readStatus(session, 'broken', (line) => notes.push(line)),
      (view) => view.problems.length > 0,
    );
    expect(state).toBe('running');
    expect(problems).toEqual([
      {
        code: 'BrokenPipeline',
        message: expect.stringMatching(
          /its task has failed \d+ times in a row: Cannot read properties of undefined \(reading 'length'\); put the code back/,
        ),
        since: expect.any(String),
      },
    ]);
    expect(Date.parse(problems[0]!.since) - before).toBeLessThan(5_000);
    expect(notes.at(-1)).toContain('its code cannot go on with it');
    const told: string[] = [];
    const stuckRuns = new StuckRuns({
      ...{ client: environment.client, taskQueue: 'test', stuckAfterMs: 0, identity: 'worker' },
      ...{ target: 'arn:aws:sns:eu-west-1:1:all', hosts: null, uiUrl: null },
      publish: ({ Message }) => Promise.resolve(void told.push(Message!)),
    });
    for (let looks = 0; looks < 2; looks++) await stuckRuns.look(Date.now());
    expect(told.map((message) => JSON.parse(message) as unknown)).toEqual([
      expect.objectContaining({
        event: 'stuck',
        run: expect.objectContaining({ id: 'broken' }) as unknown,
        failure: expect.objectContaining({ code: 'BrokenPipeline' }) as unknown,
      }),
    ]);
    let written = '';
    const spy = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      written += String(text);
      return true;
    });
    const started = { id: 'broken', runId: handle.firstExecutionRunId, url: null };
    const ended = waitForEnd(session, started, { json: true });
    await until(() => written.includes('BrokenPipeline: '));
    await handle.terminate();
    await ended;
    spy.mockRestore();
    process.exitCode = undefined;
  },
  60_000,
);
