import { markerOf, type JobReference, type JobState, type Runner, type SubmissionOf } from '../../../src';
import { testRunnerContract } from '../../../src/testing';
import { acmeContract, AcmeRunner, type Acme } from '../../support/acme';
import { quietRuntime } from '../../support/environment';

beforeAll(quietRuntime);

testRunnerContract(acmeContract(), (title, body) => test(title, body));

/** The titles of the suite's tests that a runner does not pass. */
async function failuresOf(createRunner: (acme: Acme) => Runner): Promise<string[]> {
  const tests: [string, () => Promise<void>][] = [];
  testRunnerContract(acmeContract(createRunner), (title, body) => tests.push([title, body]));
  const failed: string[] = [];
  for (const [title, body] of tests) {
    await body().catch(() => failed.push(title.replace('acme:refresh: ', '')));
  }
  return failed;
}

class Forgetful extends AcmeRunner {
  override find(): Promise<null> {
    return Promise.resolve(null);
  }
}

class Unstoppable extends AcmeRunner {
  override stop(): Promise<void> {
    return Promise.reject(new Error('no'));
  }
}

class Closed extends AcmeRunner {
  override async poll(submission: SubmissionOf<'acme:refresh'>, reference: JobReference): Promise<JobState> {
    const state = await super.poll(submission, reference);
    return state.state === 'running' && state.nativeState !== 'RUNNING'
      ? { state: 'failed', message: `unknown state ${markerOf(reference.key)}` }
      : state;
  }
}

test('a runner that does not look for its earlier submit fails the suite where jobs are counted', async () => {
  expect(await failuresOf((acme) => new Forgetful(acme))).toEqual([
    'two workers that submit one after the other start one job',
    'a submit whose answer was lost is not done again',
    'a job whose submit was never answered is found and stopped',
  ]);
});

test('a runner whose stop does nothing fails the suite where jobs are stopped', async () => {
  expect(await failuresOf((acme) => new Unstoppable(acme))).toEqual([
    'a job that is RUNNING is stopped to its end',
    'a job whose submit was never answered is found and stopped',
  ]);
});

test('a runner that takes a state it does not know for a failure does not pass', async () => {
  expect(await failuresOf((acme) => new Closed(acme))).toEqual(['a state of tomorrow is still running']);
});
