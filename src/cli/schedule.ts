import { setTimeout as sleep } from 'node:timers/promises';
import type {
  ScheduleDescription,
  ScheduleHandle,
  ScheduleOverlapPolicy,
  ScheduleSpec,
  ScheduleSummary,
} from '@temporalio/client';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { scheduleTimesOf } from '../activities/schedules';
import { BACKFILL_WORKFLOW, type BackfilledTime, type BackfillInput } from '../contracts/schedules';
import { SluiceError } from '../errors';
import { findPipeline, type Pipeline } from '../pipelines';
import { formatDuration, parseDuration } from '../pipelines/duration';
import { isTimeZone } from '../pipelines/input';
import { previousTime, timesBetween } from '../pipelines/scheduleTimes';
import { EXIT } from './errors';
import {
  addInput,
  addJson,
  parseId,
  parseSince,
  readInput,
  type InputOptions,
  type JsonOption,
} from './options';
import { formatTable, formatTime, note, print, printJson, visibleLine } from './output';
import { readProject } from './project';
import { withSession, type Session } from './session';

interface CreateOptions extends InputOptions, JsonOption {
  cron?: string;
  /** Milliseconds. */
  every?: number;
  timeZone?: string | undefined;
  id?: string;
  paused?: true;
  /** Milliseconds. */
  jitter?: number;
  overlap: string;
  /** Milliseconds. */
  catchupWindow: number;
  pauseOnFailure?: true;
}

/** What becomes of a time at which the run before goes on, as people say it. */
const OVERLAPS: Record<string, ScheduleOverlapPolicy> = {
  skip: 'SKIP',
  'buffer-one': 'BUFFER_ONE',
  'buffer-all': 'BUFFER_ALL',
  'cancel-other': 'CANCEL_OTHER',
  'terminate-other': 'TERMINATE_OTHER',
  'allow-all': 'ALLOW_ALL',
};
const DAY_MS = 86_400_000;
/** The longest time between two days of the calendar that come again: over 1900 or 2100, leap days are eight years apart. */
const LEAP_YEARS_MS = 9 * 366 * DAY_MS;

export function addSchedule(program: Command): void {
  const schedule = program
    .command('schedule')
    .description('start runs by the clock')
    .addHelpText(
      'after',
      '\nExample:\n  $ sluice schedule create marketing-and-sales --time-zone Europe/Berlin',
    );
  addCreate(schedule);
  addListing(schedule);
  addDescription(schedule);
  addVerb(schedule, { name: 'pause', about: 'stop starting runs for now', past: 'paused' });
  addVerb(schedule, { name: 'resume', about: 'start runs again', past: 'resumed' });
  addTriggering(schedule);
  addBackfill(schedule);
  addVerb(schedule, { name: 'delete', about: 'remove the schedule; its runs stay', past: 'deleted' });
}

function addCreate(schedule: Command): void {
  const command = schedule
    .command('create')
    .description('create a schedule; without --cron and --every it is the usual one of the pipeline')
    .argument('<pipeline>', 'its name; see "sluice pipelines"')
    .addOption(new Option('--cron <cron>', 'when, as a cron string: "0 6 * * 1"').conflicts('every'))
    .option('--every <duration>', 'how often: "12 hours"', parseEvery)
    .option(
      '--time-zone <zone>',
      "the time zone of the cron string (default the pipeline's `timeZone`, else UTC)",
      parseTimeZone,
    )
    .option('--id <id>', "the id of the schedule (default: the pipeline's name)", parseId)
    .option('--paused', 'create it paused')
    .option('--jitter <duration>', 'start each run up to so much later, by chance', parseEvery)
    .addOption(
      new Option('--overlap <policy>', 'what becomes of a time at which the run before still goes on')
        .choices(Object.keys(OVERLAPS))
        .default('skip'),
    )
    .addOption(
      new Option('--catchup-window <duration>', 'how late a run may start that was missed')
        .argParser(parseEvery)
        .default(DAY_MS, '1 day'),
    )
    .option('--pause-on-failure', 'pause the schedule when a run fails')
    .addHelpText(
      'after',
      '\nExample:\n  $ sluice schedule create marketing-and-sales --cron "0 6 * * 1" --time-zone Europe/Berlin',
    );
  addJson(addInput(command)).action(async (name: string, options: CreateOptions) => {
    const { pipelines, registry, config } = await readProject(schedule);
    const pipeline = findPipeline(name, pipelines);
    const input = readInput(pipeline, options, config, registry);
    const spec = specOf(pipeline, { timeZone: input['timeZone'] as string | undefined, ...options });
    const created = await withSession(
      (session) => create(session, { pipeline, input, spec, options }),
      config,
    );
    if (options.json) printJson(created);
    else
      print(
        `${created.id}\nnext run: ${created.paused ? 'none while it is paused' : formatTime(created.nextTime)}`,
      );
  });
}

type SpecOptions = Pick<CreateOptions, 'cron' | 'every' | 'timeZone' | 'jitter'>;

function specOf({ name, schedule }: Pipeline, options: SpecOptions): ScheduleSpec {
  const { cron, every, timeZone } = options;
  const jitter = options.jitter === undefined ? {} : { jitter: options.jitter };
  if (every !== undefined) return { intervals: [{ every }], ...jitter };
  const cronExpression = cron ?? schedule?.cron;
  if (cronExpression === undefined) {
    throw new SluiceError(
      'WrongUsage',
      `${name} has no usual schedule; say when with --cron CRON or --every DURATION.`,
    );
  }
  checkFields(cronExpression);
  return {
    cronExpressions: [cronExpression],
    ...jitter,
    ...(timeZone === undefined ? {} : { timezone: timeZone }),
  };
}

const CRON_NEEDS =
  'a cron string has five fields (minute, hour, day, month, weekday), such as "0 6 * * 1", and may have a year as its sixth';

/**
 * @throws SluiceError InvalidInput for six fields that are meant to begin with seconds: Temporal would take them without a word
 * and start runs at other times
 */
function checkFields(cron: string): void {
  const fields = cron
    .trim()
    .split(/\s+/)
    .filter((field) => !/^(?:CRON_)?TZ=/.test(field));
  if (fields.length === 6 && /^[*?]$/.test(fields[5]!))
    throw new SluiceError(
      'InvalidInput',
      `--cron "${cron}": "${fields[5]}" would be its year; ${CRON_NEEDS}`,
    );
}

/** Also when it is paused. The server's own list of its next times ends with its patience. */
function hasTimeToCome(description: ScheduleDescription): boolean {
  const times = scheduleTimesOf(description);
  const now = Date.now();
  const years = times.calendars.flatMap(({ year }) => year.map(({ end }) => end));
  const last = years.length === 0 ? 0 : Date.UTC(Math.min(Math.max(...years), 9_998) + 1, 0);
  const before = previousTime(times, Math.max(now + LEAP_YEARS_MS, last));
  return before !== null && before > now;
}

interface Create {
  pipeline: Pipeline;
  input: Record<string, unknown>;
  spec: ScheduleSpec;
  options: CreateOptions;
}

async function create({ client, config }: Session, { pipeline, input, spec, options }: Create) {
  const { id = pipeline.name, paused = false, overlap, catchupWindow, pauseOnFailure = false } = options;
  try {
    const handle = await client.schedule.create({
      scheduleId: id,
      // The server keeps a cron string as a calendar, which nobody wants to read.
      memo: { when: spec.cronExpressions?.[0] ?? null, pipeline: pipeline.name },
      spec,
      action: {
        type: 'startWorkflow',
        workflowType: pipeline.name,
        workflowId: id,
        taskQueue: config.taskQueue,
        args: [input, {}],
        memo: { pipeline: pipeline.name },
        staticSummary: pipeline.about,
      },
      policies: { overlap: OVERLAPS[overlap]!, catchupWindow, pauseOnFailure },
      state: { paused },
    });
    const description = await handle.describe();
    if (!hasTimeToCome(description)) {
      await handle.delete();
      const said = spec.cronExpressions?.[0];
      throw new SluiceError('InvalidInput', `--cron "${said}": that time never comes; ${CRON_NEEDS}`);
    }
    const { info } = description;
    return { id, pipeline: pipeline.name, paused, nextTime: info.nextActionTimes[0]?.toISOString() ?? null };
  } catch (error) {
    // What the client throws when the server refuses the request as it is.
    if (!(error instanceof TypeError)) throw error;
    throw new SluiceError('InvalidInput', `The schedule is refused: ${error.message}; ${CRON_NEEDS}`, {
      cause: error,
    });
  }
}

function addListing(schedule: Command): void {
  const command = schedule
    .command('list')
    .description('list the schedules of pipelines')
    .addHelpText('after', '\nExample:\n  $ sluice schedule list');
  addJson(command).action(async ({ json }: JsonOption) => {
    const { pipelines } = await readProject(schedule);
    const schedules = await withSession((session) => listSchedules(session, pipelines));
    if (json) return printJson(schedules);
    if (schedules.length === 0)
      return print('There are no schedules. Create one with: sluice schedule create PIPELINE');
    const rows = schedules.map((row) => [
      row.id,
      row.pipeline,
      row.when,
      row.paused ? 'paused' : 'active',
      formatTime(row.nextTime),
    ]);
    print(formatTable(['SCHEDULE', 'PIPELINE', 'WHEN', 'STATE', 'NEXT RUN'], rows));
  });
}

async function listSchedules({ client }: Session, pipelines: readonly Pipeline[]) {
  const names = new Set(pipelines.map(({ name }) => name));
  const schedules = [];
  for await (const schedule of client.schedule.list()) {
    const pipeline = schedule.action?.workflowType;
    // Also those that another project has made.
    if (pipeline === undefined || !(names.has(pipeline) || schedule.memo?.['pipeline'] === pipeline))
      continue;
    const paused = schedule.state.paused;
    const nextTime = paused ? null : (schedule.info.nextActionTimes[0]?.toISOString() ?? null);
    schedules.push({ id: schedule.scheduleId, pipeline, when: describeSpec(schedule), paused, nextTime });
  }
  return schedules;
}

function describeSpec({ spec, memo }: Pick<ScheduleSummary, 'spec' | 'memo'>): string {
  const cron =
    typeof memo?.['when'] === 'string' ? [memo['when']] : (spec?.calendars ?? []).map(() => 'calendar');
  const intervals = (spec?.intervals ?? []).map(({ every }) => `every ${formatDuration(every)}`);
  const zone = spec?.timezone && spec.timezone !== 'UTC' ? [spec.timezone] : [];
  return [...cron, ...intervals, ...zone].join(' ');
}

interface Verb {
  name: 'pause' | 'resume' | 'delete';
  about: string;
  past: string;
}

/** A command that takes the id of a schedule; `more` is what its example needs beside the id. */
function addForOne(schedule: Command, name: string, about: string, more = ''): Command {
  const command = schedule
    .command(name)
    .description(about)
    .argument('<id>', 'the id of the schedule; see "sluice schedule list"', parseId)
    .addHelpText('after', `\nExample:\n  $ sluice schedule ${name} marketing-and-sales${more}`);
  return addJson(command);
}

function addVerb(schedule: Command, { name, about, past }: Verb): void {
  addForOne(schedule, name, about).action(async (id: string, { json }: JsonOption) => {
    await withSession(async ({ client }) => {
      const handle = client.schedule.getHandle(id);
      if (name === 'resume') await handle.unpause();
      else await handle[name]();
    });
    if (json) printJson({ id, [past]: true });
    else print(`${id}: ${past}`);
  });
}

function addTriggering(schedule: Command): void {
  const command = addForOne(schedule, 'trigger', 'start a run now, unless one is running');
  command.action(async (id: string, { json }: JsonOption) => {
    const { isStarted, run } = await withSession(({ client }) => trigger(client.schedule.getHandle(id)));
    if (json) return printJson({ id, triggered: isStarted !== false, run });
    if (isStarted === false)
      return print(`${id}: nothing was started, since ${run ?? 'a run'} is still under way`);
    print(`${id}: ${run === null ? 'triggered' : `started ${run}`}`);
    if (run === null) note('The run is not known yet. See it with: sluice list');
  });
}

/** A schedule acts some moments after it was told to; one that has much to do is not waited for. */
const TRIGGER_WAIT_MS = 5_000;

/** The run that was started, or the one that kept it from being started; null is what the server does not say in time. */
async function trigger(handle: ScheduleHandle): Promise<{ isStarted: boolean | null; run: string | null }> {
  const { info: before } = await handle.describe();
  const known = new Set(before.recentActions.map(({ action }) => action.workflow.workflowId));
  // The client's own default would start it beside a run that goes on.
  await handle.trigger('SKIP');
  const deadline = Date.now() + TRIGGER_WAIT_MS;
  for (;;) {
    const { info } = await handle.describe();
    const started = info.recentActions
      .map(({ action }) => action.workflow.workflowId)
      .findLast((id) => !known.has(id));
    if (started !== undefined) return { isStarted: true, run: started };
    if (info.numActionsSkippedOverlap > before.numActionsSkippedOverlap) {
      const [running] = info.runningActions.length > 0 ? info.runningActions : before.runningActions;
      return { isStarted: false, run: running?.workflow.workflowId ?? null };
    }
    if (Date.now() > deadline) return { isStarted: null, run: null };
    await sleep(200);
  }
}

function addDescription(schedule: Command): void {
  const command = addForOne(
    schedule,
    'describe',
    'show when it starts runs, with what, and which it has started',
  );
  command.action(async (id: string, { json }: JsonOption) => {
    const description = await withSession(({ client }) => client.schedule.getHandle(id).describe());
    const view = viewOf(description);
    if (json) return printJson(view);
    const { policies } = view;
    const lines = [
      ['schedule', view.id],
      ['pipeline', view.pipeline],
      ['when', view.when],
      ['time zone', view.timeZone],
      ['jitter', view.jitter ?? 'none'],
      ['state', `${view.paused ? 'paused' : 'active'}${view.note ? `: ${view.note}` : ''}`],
      ['overlap', policies.overlap],
      ['catch-up window', policies.catchupWindow],
      ['on failure', policies.pauseOnFailure ? 'the schedule is paused' : 'it goes on'],
      ['input', JSON.stringify(view.input)],
      ['next', view.nextTimes.slice(0, SHOWN_TIMES).map(formatTime).join(', ') || 'none'],
      ['running', view.running.join(', ') || 'none'],
    ] as const;
    print(lines.map(([name, value]) => `${name.padEnd(15)}  ${visibleLine(value ?? '')}`).join('\n'));
    if (view.recent.length === 0) return;
    const rows = view.recent.map(({ run, scheduledAt, startedAt }) => [
      run,
      formatTime(scheduledAt),
      formatTime(startedAt),
    ]);
    print(formatTable(['RUN', 'FOR', 'STARTED'], rows));
  });
}

const SHOWN_TIMES = 3;

/** What `schedule describe --json` prints. */
function viewOf(description: ScheduleDescription) {
  const { scheduleId, spec, action, policies, state, info } = description;
  return {
    id: scheduleId,
    pipeline: action.workflowType,
    when: describeSpec(description),
    timeZone: spec.timezone || 'UTC',
    jitter: spec.jitter ? formatDuration(spec.jitter) : null,
    paused: state.paused,
    note: state.note ?? null,
    policies: {
      overlap: Object.keys(OVERLAPS).find((name) => OVERLAPS[name] === policies.overlap) ?? policies.overlap,
      catchupWindow: formatDuration(policies.catchupWindow),
      pauseOnFailure: policies.pauseOnFailure,
    },
    input: (action.args?.[0] ?? {}) as Record<string, unknown>,
    nextTimes: state.paused ? [] : info.nextActionTimes.map((time) => time.toISOString()),
    running: info.runningActions.map(({ workflow }) => workflow.workflowId),
    recent: info.recentActions.map(({ scheduledAt, takenAt, action: { workflow } }) => ({
      run: workflow.workflowId,
      scheduledAt: scheduledAt.toISOString(),
      startedAt: takenAt.toISOString(),
    })),
    started: info.numActionsTaken,
    missed: info.numActionsMissedCatchupWindow,
    skipped: info.numActionsSkippedOverlap,
  };
}

interface BackfillOptions extends JsonOption {
  /** ISO 8601. */
  from: string;
  to: string;
  concurrency?: number;
  wait?: true;
}

/** A backfill is one workflow, whose history has some events for each time. */
const MAX_TIMES = 2_000;

function addBackfill(schedule: Command): void {
  const command = addForOne(
    schedule,
    'backfill',
    'start the runs of times that have passed, oldest first',
    ' --from "4 weeks" --to "1 day"',
  );
  command
    .requiredOption('--from <time>', 'the first time: an ISO time, or how long ago ("2 weeks")', (text) =>
      parseSince(text),
    )
    .requiredOption('--to <time>', 'the last time, included; not in the future', (text) => parseSince(text))
    .option('--concurrency <n>', 'how many runs go on side by side (default 1)', parseConcurrency)
    .option('--wait', 'wait until all have ended; exit code 1 when one fails')
    .action(async (id: string, options: BackfillOptions) => backfill(id, options));
}

async function backfill(
  id: string,
  { from, to, concurrency = 1, wait, json }: BackfillOptions,
): Promise<void> {
  const now = new Date();
  // Its run would be made before its interval is over, and the schedule would then have it made already.
  if (Date.parse(to) > now.getTime())
    throw new SluiceError(
      'InvalidInput',
      `--to ${to}: that time has not come, and a run of it would end before its interval does; give a time up to now, ${now.toISOString()}`,
    );
  if (from > to)
    throw new SluiceError(
      'InvalidInput',
      `--from ${from} is after --to ${to}; give the earlier time as --from`,
    );
  await withSession(async ({ client }) => {
    const description = await client.schedule.getHandle(id).describe();
    const range = { fromMs: Date.parse(from), toMs: Date.parse(to), most: MAX_TIMES };
    const times = timesBetween(scheduleTimesOf(description), range).map((time) =>
      new Date(time).toISOString(),
    );
    if (times.length === 0 || times.length > MAX_TIMES) {
      const count = times.length === 0 ? 'no time' : `more than ${MAX_TIMES} times`;
      throw new SluiceError(
        'InvalidInput',
        `The schedule ${id} has ${count} from ${from} to ${to}; give other ones with --from and --to`,
      );
    }
    const input: BackfillInput = { schedule: id, times, concurrency };
    const handle = await client.workflow.start(BACKFILL_WORKFLOW, {
      taskQueue: description.action.taskQueue,
      workflowId: `${id}-backfill-${times[0]}-${times.at(-1)}`,
      args: [input],
      staticSummary: `the runs of ${id} from ${times[0]} to ${times.at(-1)}`,
      workflowIdConflictPolicy: 'FAIL',
    });
    if (!wait && json) return printJson({ id: handle.workflowId, schedule: id, times });
    note(
      `${handle.workflowId}: ${times.length} ${times.length === 1 ? 'run' : 'runs'}, ${concurrency} at a time`,
    );
    if (!wait) return print(handle.workflowId);
    const done = (await handle.result()) as BackfilledTime[];
    if (json) printJson({ id: handle.workflowId, schedule: id, times: done });
    else
      print(
        formatTable(
          ['FOR', 'RUN', 'STATE'],
          done.map(({ at, run, state }) => [formatTime(at), run, state]),
        ),
      );
    if (done.some(({ state }) => state === 'failed')) process.exitCode = EXIT.failed;
  });
}

function parseConcurrency(text: string): number {
  if (/^[1-9]\d{0,2}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Give a whole number from 1 to 999.');
}

function parseEvery(text: string): number {
  const durationMs = parseDuration(text);
  if (durationMs === null || durationMs < 1000)
    throw new InvalidArgumentError('Give a duration of a second or more, such as "12 hours".');
  return durationMs;
}

function parseTimeZone(text: string): string {
  if (isTimeZone(text)) return text;
  throw new InvalidArgumentError('Give a name of the time zone database, such as Europe/Berlin.');
}
