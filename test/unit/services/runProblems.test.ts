import { msToTs } from '@temporalio/common/lib/time';
import { findProblems, refreshRetry } from '../../../src/services/runProblems';
import type { StepStatus } from '../../../src/contracts/messages';

type Raw = Parameters<typeof findProblems>[0];

const NOW = Date.parse('2026-03-01T12:00:00Z');
const MINUTE_MS = 60_000;
const ago = (minutes: number) => msToTs(NOW - minutes * MINUTE_MS);
const raw = (more: object): Raw => ({
  workflowExecutionInfo: { taskQueue: 'etl' },
  pendingActivities: [],
  ...more,
});
// As the server numbers them: 1 is scheduled, 2 is started.
const activity = (more: object) => ({
  activityId: '3',
  activityType: { name: 'submitJob' },
  state: 1,
  ...more,
});

test.each([
  [
    'a run',
    raw({ pendingWorkflowTask: { state: 1, scheduledTime: ago(6), attempt: 1 } }),
    /^No worker has taken up the run for 6 min, .* task queue etl; start one/,
  ],
  [
    'an activity',
    raw({ pendingActivities: [activity({ scheduledTime: ago(7), attempt: 1 })] }),
    /^No worker has taken up submitJob for 7 min/,
  ],
])('%s that no worker has taken up for 5 minutes is told with its task queue', (_, of, message) => {
  expect(findProblems(of, NOW)).toEqual([
    { code: 'NoWorker', message: expect.stringMatching(message), since: expect.any(String) },
  ]);
});

test.each([
  ['was scheduled a moment ago', raw({ pendingActivities: [activity({ scheduledTime: ago(1) })] })],
  ['is at work for long', raw({ pendingActivities: [activity({ scheduledTime: ago(600), state: 2 })] })],
  ['comes again in a while', raw({ pendingActivities: [activity({ scheduledTime: ago(-1), attempt: 9 })] })],
  ['failed once in its code', raw({ pendingWorkflowTask: { state: 2, scheduledTime: ago(0), attempt: 2 } })],
])('a run whose work %s has no problem', (_, of) => {
  expect(findProblems(of, NOW)).toEqual([]);
});

test('a run whose task fails again and again has code that cannot go on with it', () => {
  const task = { state: 2, scheduledTime: ago(0), originalScheduledTime: ago(10), attempt: 12 };
  expect(findProblems(raw({ pendingWorkflowTask: task }), NOW)).toEqual([
    {
      code: 'BrokenPipeline',
      message: expect.stringMatching(/its task has failed 11 times in a row$/),
      since: '2026-03-01T11:50:00.000Z',
    },
  ]);
});

test('a step that is retried has the attempt and the time that the server knows by now', () => {
  const retry = {
    doing: 'submit',
    attempt: 5,
    failure: { code: 'Transient', message: '501' },
    since: '2026-03-01T11:50:00.000Z',
    nextAt: '2026-03-01T11:50:15.000Z',
    activityId: '3',
  } as const;
  const step = { name: 'load', state: 'retrying', retry } as unknown as StepStatus;
  const pending = activity({ attempt: 21, scheduledTime: ago(-0.5) });
  expect(refreshRetry(step, raw({ pendingActivities: [pending] })).retry).toEqual({
    ...retry,
    attempt: 20,
    nextAt: '2026-03-01T12:00:30.000Z',
  });
  expect(refreshRetry(step, raw({})).retry).toEqual(retry);
});
