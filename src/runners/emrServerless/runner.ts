import {
  CancelJobRunCommand,
  type EMRServerlessClient,
  GetJobRunCommand,
  ListJobRunsCommand,
  StartJobRunCommand,
  StartJobRunRequest$,
  type JobRun,
  type ListJobRunsRequest,
  type ListJobRunsResponse,
  type StartJobRunRequest,
} from '@aws-sdk/client-emr-serverless';
import type { JobReference } from '../../jobs';
import { SharedPoller } from '../../services/polling';
import { fitToSchema } from '../../services/schema';
import { consoleUrl, measuresOf, orUnknown, withCapacity } from '../awsService';
import { markerOf, markName, succeeded } from '../references';
import type { JobState, Runner, SubmissionOf } from '../runner';
import { scriptFailed } from '../scriptFailure';

interface JobRunId {
  applicationId: string;
  jobRunId: string;
}

/** The verbs of EMR Serverless in use. */
export interface EmrServerlessPort {
  startJobRun(input: StartJobRunRequest): Promise<{ jobRunId?: string | undefined }>;
  getJobRun(input: JobRunId): Promise<{ jobRun?: JobRun | undefined }>;
  cancelJobRun(input: JobRunId): Promise<unknown>;
  /** One page. */
  listJobRuns(input: ListJobRunsRequest): Promise<ListJobRunsResponse>;
  region(): Promise<string>;
}

/** EMR Serverless through the SDK, by its default credential and endpoint rules. One attempt each: the activities retry. */
export function createEmrServerlessPort(client: EMRServerlessClient): EmrServerlessPort {
  return {
    startJobRun: (input) => client.send(new StartJobRunCommand(input)),
    getJobRun: (input) => client.send(new GetJobRunCommand(input)),
    cancelJobRun: (input) => client.send(new CancelJobRunCommand(input)),
    listJobRuns: (input) => client.send(new ListJobRunsCommand(input)),
    region: () => client.config.region(),
  };
}

type Submission = SubmissionOf<'emr-serverless:startJobRun'>;

const MAX_TAG_LENGTH = 256;
/** The clocks of the worker and of the service may differ by so much. */
const CLOCK_SKEW_MS = 10 * 60_000;

/**
 * `emr-serverless:startJobRun`. States: https://docs.aws.amazon.com/emr-serverless/latest/APIReference/API_JobRun.html.
 * Parameters may be written as the API has them (`jobDriver`) or as Step Functions does (`JobDriver`). One run a call: the
 * API has no call that shows several by id.
 */
export class EmrServerlessRunner implements Runner<'emr-serverless:startJobRun'> {
  readonly takesToken = true;
  private readonly poller: SharedPoller<JobRun>;

  constructor(
    private readonly emr: EmrServerlessPort,
    gapMs: number,
  ) {
    this.poller = new SharedPoller({
      service: 'emr-serverless',
      size: 1,
      describe: async ([id]) => {
        const [applicationId, jobRunId] = id!.split('/') as [string, string];
        const answer = await orUnknown(
          emr.getJobRun({ applicationId, jobRunId }),
          ({ name }) => name === 'ResourceNotFoundException',
        );
        return new Map(answer?.jobRun ? [[id!, answer.jobRun]] : []);
      },
      gapMs,
      fullGapMs: gapMs / 5,
    });
  }

  async submit({ job, key, run, step }: Submission): Promise<JobReference> {
    const parameters = readParameters(job.parameters);
    const tags = { ...parameters.tags, 'sluice:run': toTagValue(run), 'sluice:step': toTagValue(step) };
    const clientToken = markerOf(key);
    const name = markName(parameters.name, clientToken);
    const { jobRunId } = await withCapacity(
      this.emr.startJobRun({ ...parameters, name, clientToken, tags }),
      ({ name: refusal }) => refusal === 'ServiceQuotaExceededException',
    );
    return this.reference(key, jobRunId!, new Date());
  }

  /** By its name: a list shows neither token nor tags. */
  async find({ job, key }: Submission, since: Date): Promise<JobReference | null> {
    const { applicationId } = readParameters(job.parameters);
    const createdAtAfter = new Date(since.getTime() - CLOCK_SKEW_MS);
    let nextToken: string | undefined;
    do {
      const page = await this.emr.listJobRuns({
        ...{ applicationId, createdAtAfter },
        ...(nextToken ? { nextToken } : {}),
      });
      const found = page.jobRuns?.find(({ name }) => name?.endsWith(markerOf(key)));
      if (found) return this.reference(key, found.id!, found.createdAt ?? new Date());
      nextToken = page.nextToken;
    } while (nextToken);
    return null;
  }

  async poll({ job }: Submission, reference: JobReference, signal: AbortSignal): Promise<JobState> {
    const { externalId, url, submittedAt } = reference;
    const { applicationId } = readParameters(job.parameters);
    const run = await this.poller.get(`${applicationId}/${externalId}`, signal);
    const headline = `EMR Serverless job run ${externalId} of application ${applicationId}`;
    if (run === undefined) return { state: 'lost', message: `${headline} is not known to EMR Serverless` };
    const { state = 'unknown', stateDetails } = run;
    const message = `${headline} is ${state}${stateDetails ? `: ${stateDetails}` : ''}`;
    switch (state) {
      case 'SUCCESS':
        return succeeded(reference, {
          logUrl: await this.logUrl(run),
          durationMs:
            (run.endedAt ?? run.updatedAt ?? new Date()).getTime() -
            (run.createdAt ?? new Date(submittedAt)).getTime(),
          measures: measuresOf(run.billedResourceUtilization),
        });
      case 'FAILED':
        return scriptFailed(`${message}\nLog: ${(await this.logUrl(run)) ?? url}`, stateDetails ?? '');
      case 'CANCELLED':
        return { state: 'stopped', message };
      default:
        return { state: 'running', nativeState: state };
    }
  }

  private async reference(key: string, externalId: string, submittedAt: Date): Promise<JobReference> {
    return {
      ...{ resource: 'emr-serverless:startJobRun', externalId, key },
      url: consoleUrl(await this.emr.region(), 'emr/home', '/serverless'),
      submittedAt: submittedAt.toISOString(),
    };
  }

  async stop({ job }: Submission, { externalId }: JobReference): Promise<void> {
    const { applicationId } = readParameters(job.parameters);
    await this.emr.cancelJobRun({ applicationId: applicationId!, jobRunId: externalId });
  }

  /**
   * Where the run's own settings send its log: https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/logging.html.
   * The dashboard's address is not asked for: it signs in whoever opens it and would stay in the run's history.
   */
  private async logUrl({ applicationId, jobRunId, configurationOverrides }: JobRun): Promise<string | null> {
    const monitoring = configurationOverrides?.monitoringConfiguration;
    const logUri = monitoring?.s3MonitoringConfiguration?.logUri;
    if (logUri) return `${logUri.replace(/\/+$/, '')}/applications/${applicationId}/jobs/${jobRunId}/`;
    const cloudWatch = monitoring?.cloudWatchLoggingConfiguration;
    if (!cloudWatch?.enabled) return null;
    const group = encodeURIComponent(cloudWatch.logGroupName ?? '/aws/emr-serverless');
    return consoleUrl(await this.emr.region(), 'cloudwatch/home', `logsV2:log-groups/log-group/${group}`);
  }
}

function readParameters(given: Submission['job']['parameters']): StartJobRunRequest {
  return fitToSchema(StartJobRunRequest$, given) as StartJobRunRequest;
}

/** A text with what a tag must not hold replaced. */
function toTagValue(text: string): string {
  return text.replace(/[^A-Za-z0-9 /_.:=+@-]/g, '_').slice(0, MAX_TAG_LENGTH);
}
