import type { Submission } from '../contracts/activities';
import type { JobReference, Resource } from '../jobs';
import { markerOf, succeeded } from '../runners/references';
import type { JobState, Runner } from '../runners/runner';

/** What happens to a job of a `ScriptedRunner`; each may be changed while a test runs. */
export interface Script {
  /** Thrown by `submit` before the service has accepted or after (`accepted`), once each, in order; accepted ones not before `after`. */
  submitFaults: { error: Error; accepted: boolean; after?: Promise<void> }[];
  /** Thrown by `find`, once each, in order. */
  findFaults: Error[];
  /** The states that polls see, the last one for ever; an error is thrown once. */
  states: (JobState | Error)[];
}

/** A job that the service has accepted. */
export interface ServiceJob {
  id: string;
  polls: number;
  stopped: boolean;
  step: string;
  resource: Resource;
}

/** A strict double of a job service: it keeps its jobs by key, counts every call, and does what its script says. */
export class ScriptedRunner implements Runner {
  /** By `markerOf` of the key. */
  readonly jobs = new Map<string, ServiceJob>();
  worksInPoll = false;
  readonly calls = { submit: 0, find: 0, poll: 0, stop: 0 };
  accepted = 0;

  constructor(
    private readonly scriptOf: (step: string, submission: Submission) => Partial<Script> = () => ({}),
  ) {}

  async submit(submission: Submission): Promise<JobReference> {
    this.calls.submit++;
    const { key, step, job } = submission;
    const fault = this.scriptOf(step, submission).submitFaults?.shift();
    if (fault && !fault.accepted) throw fault.error;
    const id = String(this.accepted++);
    this.jobs.set(markerOf(key), { id, polls: 0, stopped: false, step, resource: job.resource });
    await fault?.after;
    if (fault) throw fault.error;
    return this.reference(key, id, job.resource);
  }

  find(submission: Submission): Promise<JobReference | null> {
    this.calls.find++;
    const { key, step, job } = submission;
    const fault = this.scriptOf(step, submission).findFaults?.shift();
    if (fault) return Promise.reject(fault);
    const known = this.jobs.get(markerOf(key));
    return Promise.resolve(known ? this.reference(key, known.id, job.resource) : null);
  }

  poll(submission: Submission, reference: JobReference): Promise<JobState> {
    this.calls.poll++;
    const { key, step } = submission;
    const known = this.jobs.get(markerOf(key))!;
    if (known.stopped) return Promise.resolve({ state: 'stopped', message: 'stopped' });
    const states = this.scriptOf(step, submission).states ?? [succeeded(reference)];
    const state = states[Math.min(known.polls++, states.length - 1)]!;
    return state instanceof Error ? Promise.reject(state) : Promise.resolve(state);
  }

  stop({ key }: Submission): Promise<void> {
    this.calls.stop++;
    this.jobs.get(markerOf(key))!.stopped = true;
    return Promise.resolve();
  }

  private reference(key: string, externalId: string, resource: Resource): JobReference {
    return { resource, externalId, key, url: null, submittedAt: new Date().toISOString() };
  }
}

export const RUNNING: JobState = { state: 'running', nativeState: 'running' };
