import type { JobReference, Resource } from '../jobs';
import type { Limiter } from '../services/limiter';
import type { JobState, Progress, Runner, SubmissionOf } from './runner';

/** A runner whose polls do the work, few at a time: hundreds of queries at once would only push each other out of memory. */
export class LimitedRunner<R extends Resource> implements Runner<R> {
  readonly worksInPoll = true;

  constructor(
    private readonly runner: Runner<R>,
    private readonly limiter: Limiter,
  ) {}

  submit(submission: SubmissionOf<R>): Promise<JobReference> {
    return this.runner.submit(submission);
  }

  find(submission: SubmissionOf<R>, since: Date): Promise<JobReference | null> {
    return this.runner.find(submission, since);
  }

  poll(
    submission: SubmissionOf<R>,
    reference: JobReference,
    signal: AbortSignal,
    progress: Progress,
  ): Promise<JobState> {
    return this.limiter.run(signal, () => {
      progress.begin?.();
      return this.runner.poll(submission, reference, signal, progress);
    });
  }

  stop(submission: SubmissionOf<R>, reference: JobReference): Promise<void> {
    return this.runner.stop(submission, reference);
  }
}
