import { ApplicationFailure } from '@temporalio/common';
import type { Submission } from '../contracts/activities';
import { SluiceError, type ErrorCode } from '../errors';
import type { JobReference } from '../jobs';
import { parseDuration } from '../pipelines/duration';
import { joinFolder } from '../pipelines/location';
import { markerOf, succeeded } from '../runners/references';
import type { JobState, Runner } from '../runners/runner';
import type { JobFailureCode, JobScript, JobScripts } from './jobScript';
import { RUNNING, ScriptedRunner, type Script } from './scriptedRunner';
import type { SubmittedJob } from './testStack';

/** The clocks of server and stack are some milliseconds apart. */
const MARGIN_MS = 1_000;

/** One submission and what is left of its script. */
interface Plan {
  script: JobScript;
  submitted: SubmittedJob;
  submitFaults: Script['submitFaults'];
  failingPolls: number;
  /** In milliseconds since 1970, in the time of the stack. */
  noRoomUntilMs: number;
  runsUntilMs: number;
  /** What polls see, once there was one. */
  end: JobState | null;
}

/** The time limits of an activity, in the time of the stack. */
export interface ActivityLimits {
  scheduledAtMs: number;
  scheduleToCloseTimeoutMs: number;
}

/**
 * The services behind all resources that do not run for real: they do with each job what its script says. A job that takes
 * time is no work: its activity ends and comes again when the time is over, so that the server can skip it.
 */
export class ScriptedJobs implements Runner {
  /** Every submission in its order, those that run for real among them. */
  readonly submitted: SubmittedJob[] = [];
  private readonly service = new ScriptedRunner((_, submission) => this.scriptNow(submission));
  private readonly scripts = new Map<string, JobScripts>();
  private readonly plans = new Map<string, Plan>();

  /** @param now the time of the stack, in milliseconds since 1970 */
  constructor(private readonly now: () => number) {}

  /**
   * Says what happens to the jobs of a step or resource, or of a pattern of either, that are submitted from now on.
   * @throws SluiceError InvalidInput for a duration that is none
   */
  set(of: string, scripts: JobScripts): void {
    if (typeof scripts !== 'function') for (const script of listed(scripts)) checkScript(of, script);
    // A later script of the same rank goes before.
    this.scripts.delete(of);
    this.scripts.set(of, scripts);
  }

  /** Whether a script names the step or resource. */
  has({ step, job }: Submission): boolean {
    return this.findScripts(step, job.resource) !== undefined;
  }

  /** The submissions that a step, a resource, or a pattern of either names. */
  of(name: string): SubmittedJob[] {
    return this.submitted.filter(
      ({ step, job }) => matchesName(name, step) || matchesName(name, job.resource),
    );
  }

  /** Notes a submission of a job that runs for real. */
  note({ step, run, job }: Submission): SubmittedJob {
    const submitted = { step, run, job, accepted: false, stopped: false };
    this.submitted.push(submitted);
    return submitted;
  }

  /**
   * Before an activity of a job goes on: gives it back to the server while its script says that time has to pass.
   * @throws ApplicationFailure that the server retries when that time has passed
   */
  passTime(activity: string, submission: Submission, limits: ActivityLimits): void {
    const plan = this.plans.get(submission.key);
    if (plan === undefined) return;
    const now = this.now();
    const { submitted, runsUntilMs, noRoomUntilMs } = plan;
    if (activity === 'awaitJob' && runsUntilMs > now && !submitted.stopped) {
      const expiresMs = limits.scheduledAtMs + limits.scheduleToCloseTimeoutMs;
      // The server refuses at once what would come again too late, so the last attempt is just before that.
      const isLast = runsUntilMs >= expiresMs && expiresMs - now > 2 * MARGIN_MS;
      throw comeAgain(isLast ? expiresMs - now - MARGIN_MS : runsUntilMs - now);
    }
    // A submit that does not wait in line has its answer at once.
    if (activity === 'submitJob' && submission.inLineForMs !== undefined) {
      const untilMs = Math.min(noRoomUntilMs, limits.scheduledAtMs + submission.inLineForMs);
      if (untilMs > now) throw comeAgain(untilMs - now);
    }
  }

  async submit(submission: Submission): Promise<JobReference> {
    const plan = this.planOf(submission);
    const { takes } = plan.script;
    try {
      return await this.service.submit(submission);
    } finally {
      if (!plan.submitted.accepted && this.service.jobs.has(markerOf(submission.key))) {
        plan.submitted.accepted = true;
        if (takes !== undefined) plan.runsUntilMs = this.now() + parseDuration(takes)!;
      }
    }
  }

  find(submission: Submission): Promise<JobReference | null> {
    return this.service.find(submission);
  }

  poll(submission: Submission, reference: JobReference): Promise<JobState> {
    const plan = this.planOf(submission);
    if (!plan.submitted.stopped) {
      if (this.now() < plan.runsUntilMs) return Promise.resolve(RUNNING);
      if (plan.failingPolls-- > 0)
        return Promise.reject(new SluiceError('Transient', 'the service could not answer'));
    }
    plan.end = endOf(plan.script, submission, reference);
    return this.service.poll(submission, reference);
  }

  stop(submission: Submission): Promise<void> {
    this.planOf(submission).submitted.stopped = true;
    return this.service.stop(submission);
  }

  private scriptNow(submission: Submission): Partial<Script> {
    const { script, submitFaults, noRoomUntilMs, end } = this.planOf(submission);
    const fault = (error: SluiceError) => ({ submitFaults: [{ error, accepted: false }] });
    if (script.refused !== undefined) return fault(errorOf(script.refused, 'InvalidJob'));
    if (this.now() < noRoomUntilMs) return fault(new SluiceError('NoCapacity', 'the service has no room'));
    return { submitFaults, states: end === null ? [] : [end] };
  }

  private planOf(submission: Submission): Plan {
    const known = this.plans.get(submission.key);
    if (known !== undefined) return known;
    const script = this.scriptOf(submission);
    const { noRoom, failingPolls = 0 } = script;
    const plan: Plan = {
      script,
      submitted: this.note(submission),
      submitFaults: submitFaultsOf(script),
      failingPolls,
      noRoomUntilMs: noRoom === undefined ? 0 : this.now() + parseDuration(noRoom)!,
      runsUntilMs: 0,
      end: null,
    };
    this.plans.set(submission.key, plan);
    return plan;
  }

  private scriptOf({ step, run, job, key }: Submission): JobScript {
    const scripts = this.findScripts(step, job.resource) ?? {};
    // The key ends in the number of the submission.
    const submission = Number(key.slice(key.lastIndexOf('/') + 1));
    if (typeof scripts === 'function') {
      const script = scripts({ job, step, run, submission });
      checkScript(step, script);
      return script;
    }
    return listed(scripts)[submission - 1] ?? listed(scripts).at(-1) ?? {};
  }

  /** A step's own script goes before one of a pattern of steps, then come those of resources. */
  private findScripts(step: string, resource: string): JobScripts | undefined {
    const latestFirst = [...this.scripts].reverse();
    const found = [step, resource].flatMap((name) => [
      ...latestFirst.filter(([of]) => of === name),
      ...latestFirst.filter(([of]) => matchesName(of, name)),
    ]);
    return found[0]?.[1];
  }
}

/** Whether a name is the one given, in which `*` stands for any text. */
function matchesName(of: string, name: string): boolean {
  const parts = of.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 's').test(name);
}

function listed(scripts: JobScript | readonly JobScript[]): readonly JobScript[] {
  return Array.isArray(scripts) ? (scripts as readonly JobScript[]) : [scripts as JobScript];
}

function checkScript(of: string, script: JobScript): void {
  for (const name of ['takes', 'noRoom'] as const) {
    const given = script[name];
    if (given !== undefined && parseDuration(given) === null)
      throw new SluiceError(
        'InvalidInput',
        `${of}: ${name}: "${given}" is no duration; give one such as "3 hours"`,
      );
  }
  const ends = (['succeeds', 'fails', 'stopped', 'lost', 'refused'] as const).filter(
    (name) => name in script,
  );
  if (ends.length > 1)
    throw new SluiceError(
      'InvalidInput',
      `${of}: ${ends.join(' and ')}: a job ends in one way; give a list for several submissions`,
    );
}

function submitFaultsOf({ throttled = 0, answerLost }: JobScript): Script['submitFaults'] {
  const slowDown = { error: new SluiceError('Throttled', 'the service asks to slow down'), accepted: false };
  const lost = {
    error: new SluiceError('Transient', 'the connection was reset'),
    accepted: answerLost === true,
  };
  return [...Array.from({ length: throttled }, () => slowDown), ...(answerLost === undefined ? [] : [lost])];
}

function endOf(script: JobScript, { job }: Submission, reference: JobReference): JobState {
  if (script.fails !== undefined) {
    const { code, message } = errorOf(script.fails, 'JobFailed');
    const retryable = typeof script.fails === 'object' && script.fails.retryable === true;
    return { state: 'failed', message, code: code as JobFailureCode, retryable };
  }
  if (script.stopped) return { state: 'stopped', message: 'somebody has stopped the job' };
  if (script.lost) return { state: 'lost', message: 'the service does not know the job any more' };
  // What DuckDB would say.
  const output = job.resource === 'duckdb:query' && job.parameters.output?.location;
  const said = { ...(output ? { output: joinFolder(output) } : {}), ...script.succeeds };
  return succeeded(reference, said);
}

function errorOf(said: string | { message: string; code?: ErrorCode }, code: ErrorCode): SluiceError {
  return typeof said === 'string'
    ? new SluiceError(code, said)
    : new SluiceError(said.code ?? code, said.message);
}

function comeAgain(delayMs: number): ApplicationFailure {
  const message = 'the time of the test stack has to pass';
  return ApplicationFailure.create({ message, nextRetryDelay: Math.ceil(delayMs) });
}
