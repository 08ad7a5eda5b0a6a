import { StartedRuns, type CarriedStartedRuns } from '../../../../src/workflows/arrivals/startedRuns';
import { arrivalOf, at, DAY_START_MS } from '../../../support/arrivals';

test('knows what was added, by pipeline, object, etag and second', () => {
  const started = new StartedRuns();
  started.add('p', arrivalOf('a', DAY_START_MS + 200));
  expect(started.has('p', arrivalOf('a', DAY_START_MS + 999))).toBe(true);
  expect(started.has('q', arrivalOf('a', DAY_START_MS))).toBe(false);
  expect(started.has('p', arrivalOf('a', DAY_START_MS + 1_000))).toBe(false);
  expect(started.has('p', arrivalOf('a', DAY_START_MS, { etag: 'other' }))).toBe(false);
  expect(started.has('p', arrivalOf('b', DAY_START_MS))).toBe(false);
});

test('is the same when it has been carried over as JSON', () => {
  const started = new StartedRuns();
  for (let i = 0; i < 1_000; i++) started.add('p', arrivalOf(`key-${i}`, DAY_START_MS + i * 1_000));
  const carried = new StartedRuns(JSON.parse(JSON.stringify(started.carry())) as CarriedStartedRuns);
  const known = (name: string) =>
    Array.from({ length: 1_000 }, (_, i) =>
      carried.has('p', arrivalOf(`${name}-${i}`, DAY_START_MS + i * 1_000)),
    ).filter(Boolean).length;
  expect(known('key')).toBe(1_000);
  expect(known('other')).toBe(0);
  expect(carried.carry()).toEqual(started.carry());
});

test('keeps 15,000 versions in less than 400 KB, and of more the newest, and says since when it knows all', () => {
  const started = new StartedRuns();
  for (let i = 0; i < 15_000; i++) started.add('p', arrivalOf(`key-${i}`, DAY_START_MS + i * 1_000));
  expect(started.size).toBe(15_000);
  expect(started.isCompleteSince(at(0))).toBe(true);
  for (let i = 15_000; i < 40_000; i++) started.add('p', arrivalOf(`key-${i}`, DAY_START_MS + i * 1_000));
  expect(JSON.stringify(started.carry()).length).toBeLessThan(400_000);
  const [oldest] = Array.from({ length: 40_000 }, (_, i) => i).filter((i) =>
    started.has('p', arrivalOf(`key-${i}`, DAY_START_MS + i * 1_000)),
  );
  expect(oldest).toBeGreaterThan(20_000);
  expect(started.isCompleteSince(at(DAY_START_MS + oldest! * 1_000))).toBe(true);
  expect(started.isCompleteSince(at(DAY_START_MS + (oldest! - 1) * 1_000))).toBe(false);
});

test('forgets what is offered no more, and still knows all of the rest', () => {
  const started = new StartedRuns();
  started.add('p', arrivalOf('old', DAY_START_MS));
  started.add('p', arrivalOf('new', DAY_START_MS + 5_000));
  started.forgetBefore(at(DAY_START_MS + 5_000), () => true);
  expect(started.size).toBe(1);
  expect(started.has('p', arrivalOf('new', DAY_START_MS + 5_000))).toBe(true);
  expect(started.isCompleteSince(at(DAY_START_MS + 1_000))).toBe(true);
  // A trigger that is added anew may ask for what is forgotten.
  expect(started.isCompleteSince(at(DAY_START_MS))).toBe(false);
});
