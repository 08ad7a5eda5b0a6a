import type { Job } from '../../src/jobs';
import { RunnerRegistry, type AnyRunnerDefinition } from '../../src/runners';
import type { Runner } from '../../src/runners/runner';
import type { ContractFault, RunnerContract } from '../../src/testing/contract';
import { AwsDouble, type Fault, type ServiceDouble } from '../support/aws/double';

/** What the suite does to the jobs of one resource in its double. */
export interface Control {
  /** How many remote jobs were started since the double was made. */
  started(): number;
  /** How many of them have not ended. */
  running(): number;
  /** Moves the newest job to a state of the service's own. */
  move(state: string): void;
  /** All jobs are gone, and the service answers so. */
  forget(): void;
}

/** One resource of AWS: its strict double, and the runner over the real SDK client. */
export interface ContractCase {
  job: Job;
  /** Default that of the resource that ships. */
  definition?: AnyRunnerDefinition;
  /** A new double with nothing in it but what the job needs (the Glue job, the cluster, the crawler). */
  createDouble(): { double: ServiceDouble; control: Control };
  /** The runner under test over the real SDK client. `gapMs` is what `SharedPollerOptions.gapMs` takes. */
  createRunner(client: ClientSettings, gapMs: number): Runner;
  /** The operation that starts a job, and the one that a single poll calls. */
  submit: string;
  poll: string;
  states: RunnerContract['states'];
  stoppable: boolean;
  /** An error of the submit that means that the service is full. */
  full?: Pick<Fault, 'type' | 'message' | 'content'> & { status?: number };
}

export interface ClientSettings {
  endpoint: string;
  region: string;
  credentials: { accessKeyId: string; secretAccessKey: string };
  maxAttempts: number;
}

const GAP_MS = 5;
const registry = new RunnerRegistry();

/** @param serviceModels botocore's models, once they are there */
export function contractOf(given: ContractCase, serviceModels: () => string): RunnerContract {
  const { job, states, stoppable, full, definition = registry.find(job.resource) } = given;
  const faultOf = (fault: ContractFault, message: string): Omit<Fault, 'operation'> => {
    switch (fault) {
      case 'answer lost':
        return { status: 0, type: '', message, accepted: true };
      case 'throttled':
        return { status: 400, type: 'ThrottlingException', message };
      case 'unavailable':
        return { status: 500, type: 'InternalServerException', message };
      case 'full':
        return { status: 400, ...full! };
      case 'refused':
        return { status: 400, type: 'ValidationException', message };
    }
  };
  return {
    ...{ definition, job, states, stoppable },
    canBeFull: full !== undefined,
    failure: 'the service says: no such column',
    async open() {
      const { double, control } = given.createDouble();
      const aws = new AwsDouble(serviceModels(), [double]);
      const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
      const settings = { endpoint: await aws.start(), region: 'eu-west-1', credentials, maxAttempts: 1 };
      let isUnknown = false;
      return {
        createRunner: () => given.createRunner(settings, GAP_MS),
        started: () => control.started(),
        running: () => control.running(),
        move(state) {
          // What the double shows in it fits no model, by design.
          isUnknown ||= state === states.unknown;
          control.move(state);
        },
        forget: () => control.forget(),
        polls: () => aws.calls[given.poll] ?? 0,
        fail: (call, fault, message) =>
          void aws.faults.push({ operation: given[call], ...faultOf(fault, message) }),
        faultsLeft: () => aws.faults.length,
        async close() {
          await aws.stop();
          if (!isUnknown) expect(aws.violations).toEqual([]);
        },
      };
    },
  };
}
