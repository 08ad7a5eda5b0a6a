import type { JobReference, Resource } from '../jobs';
import { RunnerRegistry, type AnyRunnerDefinition } from '../runners';
import type { JobState, Progress, Runner, SubmissionOf } from '../runners/runner';
import type { ScriptedJobs } from './scriptedJobs';
import type { SubmittedJob, TestStackOptions } from './testStack';

/**
 * The runners of a stack. They check the parameters of jobs as those that ship do; what runs for real does so for every
 * job that has no script.
 */
export function createStackRunners(
  { runners = [], tasks, real = [] }: TestStackOptions,
  jobs: ScriptedJobs,
): AnyRunnerDefinition[] {
  const registry = new RunnerRegistry(runners);
  const isReal = new Set<string>([
    ...runners.map(({ resource }) => resource),
    ...real,
    ...(tasks === undefined ? [] : ['worker:task']),
  ]);
  return registry.resources.map((resource) => {
    const definition = registry.find(resource);
    return {
      ...definition,
      engines: ['aws', 'local'],
      create: isReal.has(resource)
        ? async (context) => new RealRunner(await definition.create(context), jobs)
        : () => jobs,
    };
  });
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
