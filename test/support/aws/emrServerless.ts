import { ServiceFault, type ServiceDouble } from './double';

interface Run {
  applicationId: string;
  jobRunId: string;
  clientToken: string;
  tags: Record<string, string>;
  input: Record<string, unknown>;
  state: string;
  created: Date;
  ended?: Date;
}

const ENDED = ['SUCCESS', 'FAILED', 'CANCELLED'];
const ACCOUNT = '123456789012';

/** The job runs of one EMR Serverless application. */
export class EmrServerlessDouble implements ServiceDouble {
  readonly service = 'emr-serverless';
  readonly runs = new Map<string, Run>();

  /** How many job runs a page of ListJobRuns has at most. */
  pageSize = 50;

  constructor(private readonly applicationId = '00f5trm1fv0d3p09') {}

  readonly handlers = {
    StartJobRun: (input: { applicationId: string; clientToken: string; tags?: Record<string, string> }) => {
      const { applicationId, clientToken, tags = {} } = input;
      if (applicationId !== this.applicationId)
        throw new ServiceFault(
          'ResourceNotFoundException',
          `Application ${applicationId} does not exist`,
          404,
        );
      const earlier = [...this.runs.values()].find((run) => run.clientToken === clientToken);
      const jobRunId = earlier?.jobRunId ?? `00f5trm${this.runs.size}`;
      if (!earlier) {
        const rest = { tags, input, state: 'SUBMITTED', created: new Date() };
        this.runs.set(jobRunId, { applicationId, jobRunId, clientToken, ...rest });
      }
      return { applicationId, jobRunId, arn: this.arnOf(jobRunId) };
    },
    GetJobRun: ({ jobRunId }: { applicationId: string; jobRunId: string }) => ({
      jobRun: this.seen(this.find(jobRunId)),
    }),
    ListJobRuns: (query: { applicationId: string; nextToken?: string; createdAtAfter?: string }) => {
      const after = query.createdAtAfter === undefined ? 0 : Date.parse(query.createdAtAfter);
      const at = Number(query.nextToken ?? 0);
      const all = [...this.runs.values()].filter(({ created }) => created.getTime() >= after);
      return {
        jobRuns: all.slice(at, at + this.pageSize).map((run) => ({
          ...{ applicationId: run.applicationId, id: run.jobRunId, arn: this.arnOf(run.jobRunId) },
          ...(typeof run.input['name'] === 'string' ? { name: run.input['name'] } : {}),
          ...{
            createdBy: `arn:aws:iam::${ACCOUNT}:user/etl`,
            createdAt: run.created,
            updatedAt: run.created,
          },
          ...{
            executionRole: run.input['executionRoleArn'],
            state: run.state,
            stateDetails: 'as it should be',
          },
          releaseLabel: 'emr-7.0.0',
        })),
        ...(at + this.pageSize < all.length ? { nextToken: String(at + this.pageSize) } : {}),
      };
    },
    CancelJobRun: ({ applicationId, jobRunId }: { applicationId: string; jobRunId: string }) => {
      const run = this.find(jobRunId);
      if (ENDED.includes(run.state))
        throw new ServiceFault('ValidationException', `a job run that is ${run.state} cannot be cancelled`);
      run.state = 'CANCELLING';
      return { applicationId, jobRunId };
    },
  };

  readonly control = {
    started: () => this.runs.size,
    running: () => [...this.runs.values()].filter(({ state }) => !ENDED.includes(state)).length,
    move: (state: string) => {
      const run = [...this.runs.values()].at(-1)!;
      run.state = state;
      if (ENDED.includes(state)) run.ended = new Date();
    },
    forget: () => this.runs.clear(),
  };

  private find(id: string): Run {
    const run = this.runs.get(id);
    if (!run) throw new ServiceFault('ResourceNotFoundException', `Job run ${id} does not exist`, 404);
    return run;
  }

  private arnOf(jobRunId: string): string {
    return `arn:aws:emr-serverless:eu-west-1:${ACCOUNT}:/applications/${this.applicationId}/jobruns/${jobRunId}`;
  }

  /** A run that was asked to stop is seen cancelling once. */
  private seen(run: Run) {
    const { applicationId, jobRunId, state, created, ended, tags, input } = run;
    if (state === 'CANCELLING') run.state = 'CANCELLED';
    return {
      applicationId,
      jobRunId,
      arn: this.arnOf(jobRunId),
      createdBy: `arn:aws:iam::${ACCOUNT}:user/etl`,
      createdAt: created,
      updatedAt: ended ?? created,
      ...(ended ? { endedAt: ended } : {}),
      executionRole: input['executionRoleArn'],
      state,
      stateDetails: state === 'FAILED' ? 'the service says: no such column' : 'as it should be',
      releaseLabel: 'emr-7.0.0',
      jobDriver: input['jobDriver'],
      tags,
      ...(input['configurationOverrides'] ? { configurationOverrides: input['configurationOverrides'] } : {}),
      ...(state === 'SUCCESS'
        ? { billedResourceUtilization: { vCPUHour: 0.5, memoryGBHour: 2.25, storageGBHour: 0 } }
        : {}),
    };
  }
}
