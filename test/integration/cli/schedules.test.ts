import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { useCliServer } from '../../support/cliServer';

const { client, sluice: run } = useCliServer({
  cwd: join(__dirname, '..', '..', '..', 'systems', 'reviews-export'),
  inOneProcess: true,
});
const sluice = (...args: string[]) => run(args);

async function create(id: string, ...args: string[]): Promise<{ nextTime: string }> {
  const created = await sluice('schedule', 'create', 'reviews-export', '--id', id, '--json', ...args);
  expect(created.stderr).toBe('');
  return JSON.parse(created.stdout) as { nextTime: string };
}

const nextTimes = async (id: string) =>
  (await client().schedule.getHandle(id).describe()).info.nextActionTimes;

const clockIn = (timeZone: string) => (time: Date) =>
  new Intl.DateTimeFormat('en-GB', { timeZone, timeStyle: 'medium' }).format(time);

const runsOf = async (id: string) => {
  const { info } = await client().schedule.getHandle(id).describe();
  return { running: info.runningActions.length, skipped: info.numActionsSkippedOverlap };
};

/** A schedule's own workflow does the work, and tells nobody. */
async function until(
  id: string,
  reached: (runs: Awaited<ReturnType<typeof runsOf>>) => boolean,
): Promise<void> {
  while (!reached(await runsOf(id))) await sleep(100);
}

test.each([
  ['UTC', []],
  ['Europe/Berlin', ['-p', 'timeZone=Europe/Berlin']],
  ['Asia/Kathmandu', ['-p', 'timeZone=Europe/Berlin', '--time-zone', 'Asia/Kathmandu']],
])('the usual nightly schedule is at midnight in %s', async (zone, args) => {
  const { nextTime } = await create(`at-${zone}`, ...args);
  const times = await nextTimes(`at-${zone}`);
  expect(times).toHaveLength(10);
  expect(new Date(nextTime)).toEqual(times[0]);
  expect(times.map(clockIn(zone))).toEqual(Array(10).fill('00:00:00'));
  // One a night: the days between are 24 hours long but where clocks change.
  const hours = times.slice(1).map((time, i) => (time.getTime() - times[i]!.getTime()) / 3_600_000);
  for (const gap of hours) expect([23, 24, 25]).toContain(gap);
});

test('midnight stays midnight over a change of the clocks', async () => {
  const zone = 'Europe/Berlin';
  // The last Sundays of March and October are within any year of days.
  await create('every-month', '--cron', '0 0 1 * *', '--time-zone', zone);
  const times = await nextTimes('every-month');
  expect(times.map(clockIn(zone))).toEqual(Array(10).fill('00:00:00'));
  expect(new Set(times.map(clockIn('UTC')))).toEqual(new Set(['22:00:00', '23:00:00']));
});

test('a trigger starts a run with the checked input, and none beside one that runs', async () => {
  await create('triggered', '-p', 'maxConsumedReadThroughput=0.3', '-p', 'mode=scan');
  const first = await sluice('schedule', 'trigger', 'triggered');
  await until('triggered', ({ running }) => running === 1);
  const second = await sluice('schedule', 'trigger', 'triggered');
  await until('triggered', ({ skipped }) => skipped === 1);
  expect(await runsOf('triggered')).toEqual({ running: 1, skipped: 1 });
  const schedule = await client().schedule.getHandle('triggered').describe();
  const [action] = schedule.info.recentActions;
  const { workflowId } = action!.action.workflow;
  expect([first, second]).toEqual([
    { code: 0, stdout: `triggered: started ${workflowId}\n`, stderr: '' },
    {
      code: 0,
      stdout: `triggered: nothing was started, since ${workflowId} is still under way\n`,
      stderr: '',
    },
  ]);
  const started = client().workflow.getHandle(workflowId);
  const { type, status } = await started.describe();
  expect({ type, status: status.name }).toEqual({ type: 'reviews-export', status: 'RUNNING' });
  expect(schedule.action.args?.[0]).toMatchObject({
    ...{ lake: 's3://lake', tableName: 'Reviews', exportTimeout: 1, mode: 'scan' },
    ...{ maxConsumedReadThroughput: 0.3, timeZone: 'UTC' },
  });
});

test('by the clock as well, a run that still goes on keeps the next one from starting', async () => {
  await create('ticking', '--every', '1 s');
  await until('ticking', ({ skipped }) => skipped >= 2);
  expect((await runsOf('ticking')).running).toBe(1);
  expect((await sluice('schedule', 'pause', 'ticking')).code).toBe(0);
  const { state } = await client().schedule.getHandle('ticking').describe();
  expect(state.paused).toBe(true);
});

test('a zone that does not exist is refused before anything is created', async () => {
  for (const args of [
    ['-p', 'timeZone=Europe/Nowhere'],
    ['--time-zone', 'Europe/Nowhere'],
  ]) {
    const refused = await sluice('schedule', 'create', 'reviews-export', '--id', 'nowhere', ...args);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('Europe/Berlin');
  }
  await expect(nextTimes('nowhere')).rejects.toThrow();
});

test('what a schedule does is described as it was created, and listed', async () => {
  await create(
    'described',
    ...['--cron', '30 6 * * 1', '--time-zone', 'Europe/Berlin'],
    '-p',
    'mode=scan',
    '--jitter',
    '5 minutes',
    '--overlap',
    'buffer-one',
    '--catchup-window',
    '2 hours',
    '--pause-on-failure',
  );
  const { stdout } = await sluice('schedule', 'describe', 'described', '--json');
  expect(JSON.parse(stdout)).toMatchObject({
    ...{
      id: 'described',
      pipeline: 'reviews-export',
      when: '30 6 * * 1 Europe/Berlin',
      timeZone: 'Europe/Berlin',
    },
    ...{ jitter: '5 min', paused: false, input: { mode: 'scan' }, running: [], recent: [] },
    policies: { overlap: 'buffer-one', catchupWindow: '2 h', pauseOnFailure: true },
  });
  const text = await sluice('schedule', 'describe', 'described');
  expect(text.stdout).toMatch(
    /overlap +buffer-one\ncatch-up window +2 h\non failure +the schedule is paused\n/,
  );
  const nothing = await sluice('schedule', 'describe', 'nothing');
  expect(nothing).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('No schedule has the id nothing'),
  });
});

test('a backfill is about the times of the schedule, without its jitter, and refuses what holds none or too many', async () => {
  await create(
    'monthly',
    '--cron',
    '0 0 1 * *',
    '--time-zone',
    'Europe/Berlin',
    '--jitter',
    '1 hour',
    '--paused',
  );
  const range = (from: string, to: string) =>
    sluice('schedule', 'backfill', 'monthly', '--json', '--from', from, '--to', to);
  const { stdout } = await range('2025-03-01', '2025-05-15');
  expect(JSON.parse(stdout)).toEqual({
    id: 'monthly-backfill-2025-03-31T22:00:00.000Z-2025-04-30T22:00:00.000Z',
    schedule: 'monthly',
    times: ['2025-03-31T22:00:00.000Z', '2025-04-30T22:00:00.000Z'],
  });
  expect(await range('2025-03-02', '2025-03-03')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('no time'),
  });
  await create('every-minute', '--cron', '* * * * *', '--paused');
  const many = await sluice(
    'schedule',
    'backfill',
    'every-minute',
    '--from',
    '2025-01-01',
    '--to',
    '2025-02-01',
  );
  expect(many).toMatchObject({ code: 2, stderr: expect.stringContaining('more than 2000 times') });
});

test('a schedule whose time never comes is refused, and one of a leap day is not', async () => {
  for (const [cron, ...more] of [['0 0 30 2 *'], ['0 0 30 2 *', '--paused'], ['0 0 1 1 * 2020']]) {
    const id = ['--id', 'never', '--cron', cron!, ...more];
    expect(await sluice('schedule', 'create', 'reviews-export', ...id)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`--cron "${cron}": that time never comes`),
    });
  }
  await create('never', '--cron', '0 0 29 2 *');
  await create('in-a-year', '--cron', '0 0 1 1 * 2099', '--paused');
});
