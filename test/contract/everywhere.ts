import type { Attempts } from './attempts';

/** A step over a service, real or not; `finish` makes its job end well, unless it does so by itself. */
export interface Place {
  attempts: Attempts;
  finish: () => void;
}

/** The part of the contract that needs nothing of a service but that it does what it does. */
export function testEverywhere(place: () => Place): void {
  test('a job is accepted, awaited, and says what it was', async () => {
    const { attempts, finish } = place();
    const { resource } = attempts.submission.job;
    const reference = await attempts.submit();
    expect(reference).toMatchObject({ resource, key: attempts.submission.key });
    expect(JSON.parse(JSON.stringify(reference))).toEqual(reference);
    finish();
    const result = await attempts.awaitEnd(reference);
    expect(result).toMatchObject({ resource, externalId: reference.externalId });
    expect(result.durationMs).toBeGreaterThanOrEqual(0);
  });

  test('two workers that submit one after the other start one job', async () => {
    const { attempts } = place();
    const first = await attempts.submit(1);
    const second = await attempts.submit(2);
    expect(second.externalId).toBe(first.externalId);
  });

  test('the same end is seen by two workers', async () => {
    const { attempts, finish } = place();
    const reference = await attempts.submit();
    const ends = [attempts.awaitEnd(reference), attempts.awaitEnd(reference)];
    finish();
    const [a, b] = await Promise.all(ends);
    expect(a!.externalId).toBe(b!.externalId);
  });
}
