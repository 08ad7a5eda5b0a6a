import type { RunStatus, StepStatus } from '../../../../src/contracts/messages';
import { renderDetails } from '../../../../src/workflows/steps/status';

const step = (more: Partial<StepStatus>): StepStatus => ({
  ...{ name: 'load', kind: 'job', parent: null, state: 'running', attempts: 1 },
  ...{ startedAt: '2026-03-01T12:00:00.000Z', endedAt: null, waitingFor: null },
  ...{ job: { resource: 'glue:startJobRun', externalId: 'jr_1', url: null }, objects: null, run: null },
  failure: null,
  ...more,
});
const detailsOf = (...steps: StepStatus[]) => {
  const status: RunStatus = {
    ...{ pipeline: 'nightly', state: 'running', waitingFor: [], failure: null, measures: {} },
    steps,
  };
  return renderDetails(status).split('\n').slice(-steps.length);
};

test('the details in the Web UI say of a step that is retried what, why and when', () => {
  const retry = {
    doing: 'submit',
    attempt: 21,
    failure: { code: 'Transient', message: 'answered 501 | not\nimplemented' },
    since: '2026-03-01T12:00:00.000Z',
    nextAt: '2026-03-01T12:06:30.000Z',
    activityId: '1',
  } as const;
  expect(detailsOf(step({ state: 'retrying', retry }))).toEqual([
    '| load | retrying | 1 | 2026-03-01T12:00:00 |  | submit: attempt 21 failed (Transient: answered 501 \\| not implemented), the next comes at 2026-03-01T12:06:30; glue:startJobRun jr_1 |',
  ]);
});

test('the details in the Web UI say of a group how many of its steps have failed and may', () => {
  const group = step({ name: 'map', kind: 'group', state: 'succeeded', job: null, tolerated: 2 });
  expect(detailsOf(group)[0]).toContain('| 2 failed, as many may |');
});
