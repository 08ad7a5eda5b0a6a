import type { Job } from '../../../../src/jobs';
import { batchesOf } from '../../../../src/workflows/steps/mapJobs';

const jobOf = (bytes: number): Job => ({
  resource: 'lambda:invoke',
  parameters: { FunctionName: 'f', Payload: 'x'.repeat(bytes) },
});
const work = { name: 'map', first: 0, concurrency: 1, options: {} };
const sizesOf = (jobs: Job[]) => batchesOf({ ...work, jobs }).map((batch) => batch.jobs.length);

test('a run holds 500 jobs, in their order, and each part knows where it begins', () => {
  const jobs = Array.from({ length: 1_001 }, () => jobOf(1));
  expect(sizesOf(jobs)).toEqual([500, 500, 1]);
  expect(batchesOf({ ...work, jobs }).map(({ first }) => first)).toEqual([0, 500, 1_000]);
  expect(batchesOf({ ...work, jobs }).flatMap((batch) => batch.jobs)).toEqual(jobs);
});

test('a run holds a megabyte of parameters, and a job that has more is alone', () => {
  const KIB = 1024;
  expect(sizesOf(Array.from({ length: 65 }, () => jobOf(256 * KIB - 200)))).toEqual([
    ...Array.from({ length: 16 }, () => 4),
    1,
  ]);
  expect(sizesOf([jobOf(1), jobOf(1_500 * KIB), jobOf(1)])).toEqual([1, 1, 1]);
});

test('nothing to do is no part', () => {
  expect(sizesOf([])).toEqual([]);
});
