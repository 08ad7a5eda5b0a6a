import assert from 'node:assert/strict';
import type { Attempts } from './attempts';

/** A step over a service, real or not; `finish` makes its job end well, unless it does so by itself. */
export interface Place {
  attempts: Attempts;
  finish: () => void;
}

/** The part of the contract that needs nothing of a service but that it does what it does. */
export const EVERYWHERE: Record<string, (place: Place) => Promise<void>> = {
  async 'a job is accepted, awaited, and says what it was'({ attempts, finish }) {
    const { job, key } = attempts.submission;
    const reference = await attempts.submit();
    assert.equal(reference.resource, job.resource);
    assert.equal(reference.key, key);
    assert.deepEqual(JSON.parse(JSON.stringify(reference)), reference, 'a reference is plain JSON');
    finish();
    const result = await attempts.awaitEnd(reference);
    assert.equal(result.resource, job.resource);
    assert.equal(result.externalId, reference.externalId);
    assert.ok(result.durationMs >= 0, `durationMs is ${result.durationMs}`);
  },

  async 'two workers that submit one after the other start one job'({ attempts }) {
    const first = await attempts.submit(1);
    const second = await attempts.submit(2);
    assert.equal(second.externalId, first.externalId);
  },

  async 'the same end is seen by two workers'({ attempts, finish }) {
    const reference = await attempts.submit();
    const ends = [attempts.awaitEnd(reference), attempts.awaitEnd(reference)];
    finish();
    const [a, b] = await Promise.all(ends);
    assert.equal(a!.externalId, b!.externalId);
  },
};
