import type { JobReference, Resource } from '../../src/jobs';
import { markerOf } from '../../src/runners/references';
import type { JobState, Runner, SubmissionOf } from '../../src/runners/runner';

/** What happens to the jobs of a `ScriptedRunner`; each may be changed while a test runs. */
export interface Script {
  /** Thrown by `submit` before the service has accepted or after (`accepted`), once each, in order; accepted ones not before `after`. */
  submitFaults: { error: Error; accepted: boolean; after?: Promise<void> }[];
  /** Thrown by `find`, once each, in order. */
  findFaults: Error[];
  /** The states that polls see, the last one for ever; an error is thrown once. */
  states: (JobState | Error)[];
}

/** A strict double of a job service: it keeps its jobs by key, counts every call, and does what its script says. */
export class ScriptedRunner implements Runner<'livy:createBatch'> {
  readonly jobs = new Map<string, { id: string; polls: number; stopped: boolean; step: string }>();
  worksInPoll = false;
  readonly calls = { submit: 0, find: 0, poll: 0, stop: 0 };
  accepted = 0;

  constructor(private readonly scriptOf: (step: string) => Partial<Script> = () => ({})) {}

  async submit({ key, step, job }: SubmissionOf<'livy:createBatch'>): Promise<JobReference> {
    this.calls.submit++;
    const fault = this.scriptOf(step).submitFaults?.shift();
    if (fault && !fault.accepted) throw fault.error;
    const id = String(this.accepted++);
    this.jobs.set(markerOf(key), { id, polls: 0, stopped: false, step });
    await fault?.after;
    if (fault) throw fault.error;
    return this.reference(key, id, job.resource);
  }

  find({ key, step, job }: SubmissionOf<'livy:createBatch'>): Promise<JobReference | null> {
    this.calls.find++;
    const fault = this.scriptOf(step).findFaults?.shift();
    if (fault) return Promise.reject(fault);
    const known = this.jobs.get(markerOf(key));
    return Promise.resolve(known ? this.reference(key, known.id, job.resource) : null);
  }

  poll({ key, step }: SubmissionOf<'livy:createBatch'>, reference: JobReference): Promise<JobState> {
    this.calls.poll++;
    const known = this.jobs.get(markerOf(key))!;
    if (known.stopped) return Promise.resolve({ state: 'stopped', message: 'stopped' });
    const states = this.scriptOf(step).states ?? [succeeded(reference)];
    const state = states[Math.min(known.polls++, states.length - 1)]!;
    return state instanceof Error ? Promise.reject(state) : Promise.resolve(state);
  }

  stop({ key }: SubmissionOf<'livy:createBatch'>): Promise<void> {
    this.calls.stop++;
    this.jobs.get(markerOf(key))!.stopped = true;
    return Promise.resolve();
  }

  private reference(key: string, externalId: string, resource: Resource): JobReference {
    return { resource, externalId, key, url: null, submittedAt: new Date().toISOString() };
  }
}

export const RUNNING: JobState = { state: 'running', nativeState: 'running' };

export function succeeded({ resource, externalId }: Pick<JobReference, 'resource' | 'externalId'>): JobState {
  return {
    state: 'succeeded',
    result: {
      resource,
      externalId,
      url: null,
      output: null,
      logUrl: null,
      durationMs: 5,
      measures: { units: 2 },
    },
  };
}
