import {
  BatchStopJobRunCommand,
  GetJobRunCommand,
  GetJobRunsCommand,
  StartJobRunCommand,
  type BatchStopJobRunResponse,
  type GetJobRunResponse,
  type GlueClient,
  type JobRun,
  type StartJobRunCommandInput,
} from '@aws-sdk/client-glue';
import { SluiceError } from '../../errors';
import type { JobReference } from '../../jobs';
import { PollerGroup } from '../../services/pollerGroup';
import { consoleUrl, logStreamUrl, measuresOf, orUnknown, type Refusal } from '../awsService';
import { markerOf, succeeded } from '../references';
import type { JobState, Runner, SubmissionOf } from '../runner';
import { scriptFailed } from '../scriptFailure';

/** The verbs of AWS Glue's jobs in use; `createGluePort` is the SDK's. */
export interface GluePort {
  startJobRun(input: StartJobRunCommandInput): Promise<{ JobRunId?: string | undefined }>;
  getJobRun(input: { JobName: string; RunId: string }): Promise<GetJobRunResponse>;
  /** One page, newest first. */
  getJobRuns(input: {
    JobName: string;
    MaxResults: number;
    NextToken?: string;
  }): Promise<{ JobRuns?: JobRun[] | undefined; NextToken?: string | undefined }>;
  batchStopJobRun(input: { JobName: string; JobRunIds: string[] }): Promise<BatchStopJobRunResponse>;
  region(): Promise<string>;
}

export function createGluePort(client: GlueClient): GluePort {
  return {
    startJobRun: (input) => client.send(new StartJobRunCommand(input)),
    getJobRun: (input) => client.send(new GetJobRunCommand(input)),
    getJobRuns: (input) => client.send(new GetJobRunsCommand(input)),
    batchStopJobRun: (input) => client.send(new BatchStopJobRunCommand(input)),
    region: () => client.config.region(),
  };
}

/** The job argument in which the submission's key travels. */
export const GLUE_KEY_ARGUMENT = '--sluice-key';

/** The most runs that a page of GetJobRuns holds. */
const PAGE = 200;
/** Pages that are read at once; `find` needs no more: a submit is retried within minutes, so its run is among the newest. */
const MAX_PAGES = 5;
/** Runs that are older than these pages are asked for one by one, so many in a poll. */
const SINGLE_CALLS = 20;

/**
 * `glue:startJobRun`. States: https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-jobs-runs.html (JobRunState).
 * StartJobRun takes no client token, so the key travels as a job argument that GetJobRuns shows. Runs of one job share
 * their polls: several at a time are looked for among the newest, and those that are older are asked for one by one.
 */
export class GlueRunner implements Runner<'glue:startJobRun'> {
  private readonly pollers: PollerGroup<JobRun>;

  /** @param gapMs the pause between two polls of one Glue job's runs */
  constructor(
    private readonly glue: GluePort,
    gapMs = 1000,
  ) {
    this.pollers = new PollerGroup({
      service: 'glue',
      size: PAGE,
      gapMs,
      describe: (JobName, ids) => this.describeRuns(JobName, ids),
    });
  }

  async submit({ job: { parameters }, key }: SubmissionOf<'glue:startJobRun'>): Promise<JobReference> {
    const { JobRunId } = await this.glue.startJobRun({
      ...parameters,
      Arguments: { ...parameters.Arguments, [GLUE_KEY_ARGUMENT]: markerOf(key) },
    });
    return this.reference(parameters.JobName!, JobRunId!, key, new Date());
  }

  async find({ job: { parameters }, key }: SubmissionOf<'glue:startJobRun'>): Promise<JobReference | null> {
    const JobName = parameters.JobName!;
    let NextToken: string | undefined;
    for (let page = 0; page < MAX_PAGES; page++) {
      const runs = await this.glue.getJobRuns({
        JobName,
        MaxResults: PAGE,
        ...(NextToken ? { NextToken } : {}),
      });
      const found = runs.JobRuns?.find((run) => run.Arguments?.[GLUE_KEY_ARGUMENT] === markerOf(key));
      if (found) return this.reference(JobName, found.Id!, key, found.StartedOn ?? new Date());
      NextToken = runs.NextToken;
      if (!NextToken) break;
    }
    return null;
  }

  async poll(
    { job: { parameters } }: SubmissionOf<'glue:startJobRun'>,
    reference: JobReference,
    signal: AbortSignal,
  ): Promise<JobState> {
    const run = await this.pollers.get(parameters.JobName!, reference.externalId, signal);
    const headline = `Glue job ${parameters.JobName} run ${reference.externalId}`;
    if (!run) return { state: 'lost', message: `${headline} is not known to Glue` };
    const state = run.JobRunState ?? 'unknown';
    const message = `${headline} is ${state}${run.ErrorMessage ? `: ${run.ErrorMessage}` : ''}`;
    switch (state) {
      case 'SUCCEEDED':
        return succeeded(reference, {
          logUrl: await this.logUrl(run, reference),
          durationMs:
            (run.CompletedOn ?? new Date()).getTime() -
            (run.StartedOn ?? new Date(reference.submittedAt)).getTime(),
          measures: measuresOf({ ExecutionTime: run.ExecutionTime, DPUSeconds: run.DPUSeconds }),
        });
      case 'FAILED':
      case 'ERROR':
      case 'TIMEOUT':
      case 'EXPIRED':
        return scriptFailed(`${message}\nLog: ${await this.logUrl(run, reference)}`, run.ErrorMessage ?? '');
      case 'STOPPED':
        return { state: 'stopped', message };
      default:
        return { state: 'running', nativeState: state };
    }
  }

  async stop(
    { job: { parameters } }: SubmissionOf<'glue:startJobRun'>,
    reference: JobReference,
  ): Promise<void> {
    const { Errors } = await this.glue.batchStopJobRun({
      JobName: parameters.JobName!,
      JobRunIds: [reference.externalId],
    });
    const detail = Errors?.[0]?.ErrorDetail;
    // Told inside of an answer, and the same as a refusal: its name decides on what is done.
    if (detail)
      throw Object.assign(new Error(detail.ErrorMessage), { name: detail.ErrorCode, $metadata: {} });
  }

  /** Pages while several runs are missing, then one by one; what a call that fails was to tell is told by the next poll. */
  private async describeRuns(JobName: string, ids: string[]): Promise<Map<string, JobRun | Error>> {
    const runs = new Map<string, JobRun | Error>();
    const gone = new Set<string>();
    const missing = () => ids.filter((id) => !runs.has(id) && !gone.has(id));
    try {
      let NextToken: string | undefined;
      for (let page = 0; page < MAX_PAGES && missing().length > 1; page++) {
        const input = { JobName, MaxResults: PAGE, ...(NextToken ? { NextToken } : {}) };
        const answer = await orUnknown(this.glue.getJobRuns(input), isUnknown);
        for (const run of answer?.JobRuns ?? []) if (ids.includes(run.Id!)) runs.set(run.Id!, run);
        NextToken = answer?.NextToken;
        if (!NextToken) break;
      }
      const [asked, later] = [missing().slice(0, SINGLE_CALLS), missing().slice(SINGLE_CALLS)];
      for (const id of later) runs.set(id, new SluiceError('Throttled', `Run ${id} is asked for later`));
      for (const RunId of asked) {
        // One run that is gone must not hide the others.
        const answer = await orUnknown(this.glue.getJobRun({ JobName, RunId }), isUnknown);
        if (answer?.JobRun) runs.set(RunId, answer.JobRun);
        else gone.add(RunId);
      }
    } catch (error) {
      if (runs.size + gone.size === 0) throw error;
      for (const id of missing()) runs.set(id, error as Error);
    }
    return runs;
  }

  private async logUrl(run: JobRun, reference: JobReference): Promise<string> {
    const group = `${run.LogGroupName ?? '/aws-glue/jobs'}/output`;
    return logStreamUrl(await this.glue.region(), group, reference.externalId);
  }

  private async reference(
    jobName: string,
    runId: string,
    key: string,
    submittedAt: Date,
  ): Promise<JobReference> {
    const page = `/job/${encodeURIComponent(jobName)}/run/${runId}`;
    return {
      resource: 'glue:startJobRun',
      externalId: runId,
      key,
      url: consoleUrl(await this.glue.region(), 'gluestudio/home', page),
      submittedAt: submittedAt.toISOString(),
    };
  }
}

/** The run is gone, or the job with all its runs. */
function isUnknown({ name }: Refusal): boolean {
  return name === 'EntityNotFoundException';
}
