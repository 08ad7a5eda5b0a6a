import type { Arrival } from '../../../src/pipelines';
import { isNewer, isSameVersion, isSince } from '../../../src/pipelines/arrival';
import { ArrivalMemory } from '../../../src/workflows/arrivals/memory';

function arrival(more: Partial<Arrival> = {}): Arrival {
  const time = '2025-03-01T12:00:00.500Z';
  return { bucket: 'lake', key: 'a', versionId: null, etag: 'e1', size: 1, sequencer: null, time, ...more };
}

test('sequencers are compared as hex text padded with zeros to the right', () => {
  const [older, newer] = [
    arrival({ sequencer: '0055AED6DCD90281E' }),
    arrival({ sequencer: '0055aed6dcd90281e5' }),
  ];
  expect(isNewer(newer, older)).toBe(true);
  expect(isNewer(older, newer)).toBe(false);
  expect(isNewer(arrival({ sequencer: '10' }), arrival({ sequencer: '0F' }))).toBe(true);
  expect(isNewer(arrival({ sequencer: '1' }), arrival({ sequencer: '100' }))).toBe(false);
});

test('without sequencers the second decides, and of one second what is heard of later', () => {
  const listed = arrival({ time: '2025-03-01T12:00:00.000Z' });
  expect(isNewer(listed, arrival())).toBe(true);
  expect(isNewer(arrival({ time: '2025-03-01T11:59:59.999Z' }), listed)).toBe(false);
});

test('an arrival counts from the second on that is asked for, and by hand always', () => {
  const since = '2025-03-01T12:00:00.700Z';
  expect(isSince(arrival(), since)).toBe(true);
  expect(isSince(arrival({ time: '2025-03-01T11:59:59.999Z' }), since)).toBe(false);
  expect(isSince(arrival({ time: '2025-02-01T00:00:00Z', byHand: true }), since)).toBe(true);
});

test('a version is told by its version id, else by its etag, else by size and second', () => {
  expect(isSameVersion(arrival({ versionId: 'v1' }), arrival({ versionId: 'v2' }))).toBe(false);
  expect(isSameVersion(arrival({ versionId: 'v1' }), arrival())).toBe(true);
  expect(isSameVersion(arrival({ etag: null }), arrival({ etag: null, size: 2 }))).toBe(false);
  expect(isSameVersion(arrival(), arrival({ key: 'b' }))).toBe(false);
});

test('a memory has one entry a key, the newest in whatever order its events come', () => {
  const memory = new ArrivalMemory();
  const [first, second] = [arrival({ sequencer: '01' }), arrival({ sequencer: '02', etag: 'e2' })];
  expect([second, first, second, first].map((seen) => memory.remember(seen))).toEqual([
    'new',
    'older',
    'known',
    'older',
  ]);
  expect(memory.all()).toEqual([second]);
});

test('an event adds version and sequencer to what a listing told', () => {
  const memory = new ArrivalMemory([arrival({ time: '2025-03-01T12:00:00.000Z' })]);
  expect(memory.remember(arrival({ versionId: 'v1', sequencer: '01' }))).toBe('known');
  expect(memory.all()).toEqual([arrival({ versionId: 'v1', sequencer: '01' })]);
});

test('the same bytes uploaded anew are new, unless a version says that they are not', () => {
  const time = '2025-03-02T12:00:00.000Z';
  expect(new ArrivalMemory([arrival()]).remember(arrival({ time }))).toBe('new');
  const versioned = new ArrivalMemory([arrival({ versionId: 'v1' })]);
  expect(versioned.remember(arrival({ versionId: 'v1', time }))).toBe('known');
});

test('an object handed over by hand is taken whatever was known', () => {
  const memory = new ArrivalMemory([arrival({ sequencer: '02' })]);
  expect(memory.remember(arrival({ etag: 'e0', time: '2020-01-01T00:00:00Z', byHand: true }))).toBe('new');
  expect(memory.get('lake', 'a')).toMatchObject({ etag: 'e0', byHand: true });
});

test('a memory forgets by age, then the oldest past its number of entries and bytes', () => {
  const at = (day: number) => arrival({ key: `k${day}`, time: `2025-03-0${day}T00:00:00Z` });
  const keysOf = (limit: Partial<Parameters<ArrivalMemory['trim']>[0]>) => {
    const memory = new ArrivalMemory([3, 1, 4, 2].map(at));
    memory.trim({ oldestMs: 0, entries: 10, bytes: 10_000, ...limit });
    return memory.all().map(({ key }) => key);
  };
  expect(keysOf({ oldestMs: Date.parse('2025-03-03T00:00:00Z') })).toEqual(['k3', 'k4']);
  expect(keysOf({ entries: 3 })).toEqual(['k3', 'k4', 'k2']);
  expect(keysOf({ bytes: 450 })).toEqual(['k3', 'k4']);
});
