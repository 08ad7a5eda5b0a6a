/** A service of nobody's, and a runner of its own for it, as a project would write them. */
import { z } from 'zod';
import {
  defineRunner,
  markerOf,
  SluiceError,
  succeeded,
  type JobReference,
  type JobState,
  type Runner,
  type SubmissionOf,
} from '../../src';
import type { ContractService, RunnerContract } from '../../src/testing';

const parameters = z.strictObject({ table: z.string().min(1), full: z.boolean().optional() });

declare module '../../src' {
  interface JobParameters {
    'acme:refresh': z.input<typeof parameters>;
  }
}

interface Refresh {
  key: string;
  state: string;
  askedToStop: boolean;
}

/** The service, in memory: it has no client token, so a submit must look for its key first. */
export class Acme {
  readonly refreshes: Refresh[] = [];
  polls = 0;
  private readonly faults: { call: string; error: Error; accepted: boolean }[] = [];

  fail(call: 'start' | 'get', error: Error, accepted = false): void {
    this.faults.push({ call, error, accepted });
  }

  get faultsLeft(): number {
    return this.faults.length;
  }

  start(key: string): number {
    const fault = this.take('start');
    if (fault && !fault.accepted) throw fault.error;
    this.refreshes.push({ key, state: 'RUNNING', askedToStop: false });
    if (fault) throw fault.error;
    return this.refreshes.length - 1;
  }

  find(key: string): number {
    return this.refreshes.findIndex((refresh) => refresh.key === key);
  }

  get(id: number): Refresh | undefined {
    this.polls++;
    const fault = this.take('get');
    if (fault) throw fault.error;
    const refresh = this.refreshes[id];
    if (refresh?.askedToStop) refresh.state = 'STOPPED';
    return refresh;
  }

  private take(call: string) {
    return this.faults[0]?.call === call ? this.faults.shift() : undefined;
  }
}

export class AcmeRunner implements Runner<'acme:refresh'> {
  constructor(protected readonly acme: Acme) {}

  async submit({ key }: SubmissionOf<'acme:refresh'>): Promise<JobReference> {
    return this.reference(this.acme.start(markerOf(key)), key);
  }

  async find({ key }: SubmissionOf<'acme:refresh'>): Promise<JobReference | null> {
    const id = this.acme.find(markerOf(key));
    return id < 0 ? null : this.reference(id, key);
  }

  async poll(_: SubmissionOf<'acme:refresh'>, reference: JobReference): Promise<JobState> {
    const { externalId } = reference;
    const refresh = this.acme.get(Number(externalId));
    if (!refresh) return { state: 'lost', message: `Acme does not know refresh ${externalId}` };
    switch (refresh.state) {
      case 'DONE':
        return succeeded(reference, { measures: { tables: 1 } });
      case 'FAILED':
        return { state: 'failed', message: `Acme: the table is locked` };
      case 'STOPPED':
        return { state: 'stopped', message: 'Acme stopped it' };
      default:
        return { state: 'running', nativeState: refresh.state };
    }
  }

  async stop(_: SubmissionOf<'acme:refresh'>, { externalId }: JobReference): Promise<void> {
    this.acme.refreshes[Number(externalId)]!.askedToStop = true;
  }

  private reference(id: number, key: string): JobReference {
    return {
      ...{ resource: 'acme:refresh', externalId: String(id), key, url: null },
      submittedAt: new Date().toISOString(),
    };
  }
}

export const acmeRefresh = defineRunner({
  resource: 'acme:refresh',
  parameters,
  create: () => new AcmeRunner(new Acme()),
});

/** @param createRunner makes the runner under test over a service */
export function acmeContract(
  createRunner: (acme: Acme) => Runner = (acme) => new AcmeRunner(acme),
): RunnerContract<'acme:refresh'> {
  return {
    definition: acmeRefresh,
    job: { resource: 'acme:refresh', parameters: { table: 'leads' } },
    states: {
      running: ['RUNNING'],
      succeeded: 'DONE',
      failed: ['FAILED'],
      stopped: 'STOPPED',
      unknown: 'DREAMING',
    },
    failure: 'the table is locked',
    stoppable: true,
    canBeFull: true,
    open: () => Promise.resolve(openAcme(createRunner)),
  };
}

const STATUS = { throttled: 429, unavailable: 503, refused: 422 };

function openAcme(createRunner: (acme: Acme) => Runner): ContractService {
  const acme = new Acme();
  return {
    createRunner: () => createRunner(acme),
    started: () => acme.refreshes.length,
    running: () =>
      acme.refreshes.filter(({ state }) => !['DONE', 'FAILED', 'STOPPED'].includes(state)).length,
    move: (state) => void (acme.refreshes.at(-1)!.state = state),
    forget: () => void acme.refreshes.splice(0),
    polls: () => acme.polls,
    fail(call, fault, message) {
      const error =
        fault === 'answer lost'
          ? Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })
          : fault === 'full'
            ? new SluiceError('NoCapacity', message)
            : Object.assign(new Error(message), { $metadata: { httpStatusCode: STATUS[fault] } });
      acme.fail(call === 'submit' ? 'start' : 'get', error, fault === 'answer lost');
    },
    faultsLeft: () => acme.faultsLeft,
    close: () => Promise.resolve(),
  };
}
