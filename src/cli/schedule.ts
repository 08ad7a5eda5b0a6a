import { setTimeout as sleep } from 'node:timers/promises';
import type { ScheduleHandle, ScheduleSpec, ScheduleSummary } from '@temporalio/client';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { SluiceError } from '../errors';
import { findPipeline, type Pipeline } from '../pipelines';
import { formatDuration, parseDuration } from '../pipelines/duration';
import { isTimeZone } from '../pipelines/input';
import { addInput, addJson, readInput, type InputOptions, type JsonOption } from './options';
import { formatTable, formatTime, note, print, printJson } from './output';
import { readProject } from './project';
import { withSession, type Session } from './session';

interface CreateOptions extends InputOptions, JsonOption {
  cron?: string;
  /** Milliseconds. */
  every?: number;
  timeZone?: string | undefined;
  id?: string;
  paused?: true;
}

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
  addVerb(schedule, { name: 'pause', about: 'stop starting runs for now', past: 'paused' });
  addVerb(schedule, { name: 'resume', about: 'start runs again', past: 'resumed' });
  addTriggering(schedule);
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
    .option('--id <id>', "the id of the schedule (default: the pipeline's name)")
    .option('--paused', 'create it paused')
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

function specOf({ name, schedule }: Pipeline, { cron, every, timeZone }: CreateOptions): ScheduleSpec {
  if (every !== undefined) return { intervals: [{ every }] };
  const cronExpression = cron ?? schedule?.cron;
  if (cronExpression === undefined) {
    throw new SluiceError(
      'WrongUsage',
      `${name} has no usual schedule; say when with --cron CRON or --every DURATION.`,
    );
  }
  return { cronExpressions: [cronExpression], ...(timeZone === undefined ? {} : { timezone: timeZone }) };
}

interface Create {
  pipeline: Pipeline;
  input: Record<string, unknown>;
  spec: ScheduleSpec;
  options: CreateOptions;
}

async function create({ client, config }: Session, { pipeline, input, spec, options }: Create) {
  const { id = pipeline.name, paused = false } = options;
  try {
    const handle = await client.schedule.create({
      scheduleId: id,
      // The server keeps a cron string as a calendar, which nobody wants to read.
      memo: { when: spec.cronExpressions?.[0] ?? null },
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
      // A run that is late by a day at most still starts, and never beside the one before it.
      policies: { overlap: 'SKIP', catchupWindow: '1 day' },
      state: { paused },
    });
    const { info } = await handle.describe();
    return { id, pipeline: pipeline.name, paused, nextTime: info.nextActionTimes[0]?.toISOString() ?? null };
  } catch (error) {
    // What the client throws when the server refuses the request as it is.
    if (!(error instanceof TypeError)) throw error;
    const cure = 'A cron string has five fields (minute, hour, day, month, weekday), such as "0 6 * * 1".';
    throw new SluiceError('InvalidInput', `The schedule is refused: ${error.message}. ${cure}`, {
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
    if (pipeline === undefined || !names.has(pipeline)) continue;
    const paused = schedule.state.paused;
    const nextTime = paused ? null : (schedule.info.nextActionTimes[0]?.toISOString() ?? null);
    schedules.push({ id: schedule.scheduleId, pipeline, when: describeSpec(schedule), paused, nextTime });
  }
  return schedules;
}

function describeSpec({ spec, memo }: ScheduleSummary): string {
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

/** A command that takes the id of a schedule. */
function addForOne(schedule: Command, name: string, about: string): Command {
  const command = schedule
    .command(name)
    .description(about)
    .argument('<id>', 'the id of the schedule; see "sluice schedule list"')
    .addHelpText('after', `\nExample:\n  $ sluice schedule ${name} marketing-and-sales`);
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
