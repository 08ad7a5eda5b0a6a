import { ServiceFault, type ServiceDouble } from './double';

interface Run {
  Id: string;
  JobName: string;
  JobRunState: string;
  Arguments: Record<string, string>;
  StartedOn: Date;
  CompletedOn?: Date;
  ExecutionTime?: number;
  DPUSeconds?: number;
  ErrorMessage?: string;
}

const ENDED = ['SUCCEEDED', 'FAILED', 'STOPPED', 'TIMEOUT', 'ERROR', 'EXPIRED'];
/** A page of GetJobRuns: small, so that whoever reads only the first misses the rest. */
const PAGE = 2;

/** Glue's jobs and their runs. */
export class GlueJobsDouble implements ServiceDouble {
  readonly service = 'glue';
  readonly runs = new Map<string, Run>();

  constructor(private readonly jobs: readonly string[] = ['load']) {}

  readonly handlers = {
    StartJobRun: ({ JobName, Arguments = {} }: { JobName: string; Arguments?: Record<string, string> }) => {
      this.checkJob(JobName);
      const Id = `jr_${this.runs.size}`;
      this.runs.set(Id, { Id, JobName, JobRunState: 'STARTING', Arguments, StartedOn: new Date() });
      return { JobRunId: Id };
    },
    GetJobRun: ({ JobName, RunId }: { JobName: string; RunId: string }) => {
      this.checkJob(JobName);
      return { JobRun: this.seen(this.runs.get(RunId)) };
    },
    GetJobRuns: ({
      JobName,
      NextToken,
      MaxResults = PAGE,
    }: {
      JobName: string;
      NextToken?: string;
      MaxResults?: number;
    }) => {
      this.checkJob(JobName);
      const newestFirst = [...this.runs.values()].filter((run) => run.JobName === JobName).reverse();
      const at = Number(NextToken ?? 0);
      const end = at + Math.min(MaxResults, PAGE);
      return {
        JobRuns: newestFirst.slice(at, end).map((run) => this.seen(run)),
        ...(end < newestFirst.length ? { NextToken: String(end) } : {}),
      };
    },
    BatchStopJobRun: ({ JobRunIds }: { JobName: string; JobRunIds: string[] }) => {
      for (const id of JobRunIds) {
        const run = this.runs.get(id);
        if (run && !ENDED.includes(run.JobRunState)) run.JobRunState = 'STOPPING';
      }
      return { SuccessfulSubmissions: [], Errors: [] };
    },
  };

  readonly control = {
    started: () => this.runs.size,
    running: () => [...this.runs.values()].filter((run) => !ENDED.includes(run.JobRunState)).length,
    move: (state: string) => {
      const run = [...this.runs.values()].at(-1)!;
      run.JobRunState = state;
      if (ENDED.includes(state)) run.CompletedOn = new Date();
      if (state === 'SUCCEEDED') Object.assign(run, { ExecutionTime: 12, DPUSeconds: 24.5 });
      if (state === 'FAILED') run.ErrorMessage = 'the service says: no such column';
    },
    forget: () => this.runs.clear(),
  };

  /** A run that was asked to stop is seen stopping once before it has ended. */
  private seen(run: Run | undefined): Run {
    if (!run) throw new ServiceFault('EntityNotFoundException', 'Entity Not Found');
    const shown = { ...run };
    if (run.JobRunState === 'STOPPING') run.JobRunState = 'STOPPED';
    return shown;
  }

  private checkJob(name: string): void {
    if (!this.jobs.includes(name))
      throw new ServiceFault('EntityNotFoundException', `Job ${name} is not there`);
  }
}
