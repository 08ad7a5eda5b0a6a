import type { S3Client } from '@aws-sdk/client-s3';
import { DuckdbRunner } from '../duckdb/runner';
import type { JobReference, Resource } from '../jobs';
import { RESOURCES } from '../jobs';
import { packageJobsFolder } from '../runners';
import type { JobState, Progress, Runner, Runners, SubmissionOf } from '../runners/runner';
import { WorkerTaskRunner } from '../runners/workerTask';
import type { ScriptedJobs } from './scriptedJobs';
import type { SubmittedJob, TestStackOptions } from './testStack';

/** One runner a resource: those that run for real do so for every job that has no script. */
export function createStackRunners(
  { runners = {}, tasks, real = [], jobsFolders = [] }: TestStackOptions,
  { jobs, s3 }: { jobs: ScriptedJobs; s3: S3Client },
): Runners {
  const ofOurs: Runners = {
    ...(real.includes('duckdb:query')
      ? { 'duckdb:query': new DuckdbRunner(s3, [...jobsFolders, packageJobsFolder()]) }
      : {}),
    ...(tasks === undefined ? {} : { 'worker:task': new WorkerTaskRunner(tasks, s3) }),
    ...runners,
  };
  const resources = new Set<string>([...RESOURCES, ...Object.keys(ofOurs)]);
  return Object.fromEntries(
    [...resources].map((resource) => {
      const runner = ofOurs[resource as Resource] as Runner | undefined;
      return [resource, runner === undefined ? jobs : new RealRunner(runner, jobs)];
    }),
  );
}

/** Runs jobs for real and notes them, but for those that a script is about. */
class RealRunner implements Runner {
  private readonly noted = new Map<string, SubmittedJob>();
  readonly worksInPoll: boolean;
  readonly takesToken: boolean;

  constructor(
    private readonly runner: Runner,
    private readonly jobs: ScriptedJobs,
  ) {
    this.worksInPoll = runner.worksInPoll === true;
    this.takesToken = runner.takesToken === true;
  }

  async submit(submission: SubmissionOf<Resource>): Promise<JobReference> {
    if (this.jobs.has(submission)) return this.jobs.submit(submission);
    const { key } = submission;
    const noted = this.noted.get(key) ?? this.jobs.note(submission);
    this.noted.set(key, noted);
    const reference = await this.runner.submit(submission);
    noted.accepted = true;
    return reference;
  }

  find(submission: SubmissionOf<Resource>, since: Date): Promise<JobReference | null> {
    return this.of(submission).find(submission, since);
  }

  poll(
    submission: SubmissionOf<Resource>,
    reference: JobReference,
    signal: AbortSignal,
    progress: Progress,
  ): Promise<JobState> {
    return this.of(submission).poll(submission, reference, signal, progress);
  }

  stop(submission: SubmissionOf<Resource>, reference: JobReference): Promise<void> {
    const noted = this.noted.get(submission.key);
    if (noted !== undefined) noted.stopped = true;
    return this.of(submission).stop(submission, reference);
  }

  private of(submission: SubmissionOf<Resource>): Runner {
    return this.jobs.has(submission) ? this.jobs : this.runner;
  }
}
