import { seeded } from '../../../src/testing/random';
import { SluiceError } from '../../../src/errors';
import { openEnvelope, openSnsMessage } from '../../../src/webhook/envelope';
import { eventBridgeEvent, s3Record, snsMessage } from '../../support/events';
import { countOf, seedOf } from '../../support/long';

const ROUNDS = countOf({ suite: 10_000, soak: 300_000 });
const SEEDS = [1, 20_261_124].map(seedOf);

const BODIES = [
  { Records: [s3Record(), s3Record({ key: 'a%2Bb.csv' }, { eventName: 'ObjectRemoved:Delete' })] },
  eventBridgeEvent(),
  snsMessage({ Records: [s3Record()] }),
  snsMessage(eventBridgeEvent()),
  snsMessage('You have chosen', { Type: 'SubscriptionConfirmation', Token: 'a', SubscribeURL: 'https://b' }),
  { Service: 'Amazon S3', Event: 's3:TestEvent', Bucket: 'inbox' },
];

const VALUES: unknown[] = [
  ...[
    null,
    true,
    0,
    -1,
    1.5,
    1e308,
    '',
    ' ',
    '\u0000',
    '\ud800',
    '%',
    '%ff',
    '%E0%A4',
    '+',
    'toString',
    '__proto__',
  ],
  ...[
    'a'.repeat(5000),
    '/'.repeat(2000),
    '🦫'.repeat(400),
    '2026-13-45T99:99:99Z',
    '-1',
    'NaN',
    '{"Records":[]}',
  ],
  ...[
    [],
    {},
    [[]],
    { length: 1e9 },
    { length: { toString: 1 } },
    { Records: {} },
    { then: 1 },
    { toString: 1 },
    { toJSON: 1 },
  ],
];
const NAMES = [
  '__proto__',
  'constructor',
  'toString',
  'then',
  'Records',
  'detail-type',
  'Type',
  'TopicArn',
  'Message',
];

test.each(SEEDS)(
  `${ROUNDS} changed bodies, seed %i: each is an arrival within bounds or InvalidInput, and nothing else`,
  (seed) => {
    const random = seeded(seed);
    const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;

    const changeValue = (value: unknown): unknown => {
      if (random() < 0.1) return pick(VALUES);
      if (typeof value === 'string' && value.startsWith('{') && random() < 0.5) return changeText(value);
      if (typeof value !== 'object' || value === null) return value;
      const entries = Object.entries(value);
      if (entries.length === 0) return value;
      const index = Math.floor(random() * entries.length);
      const [name, old] = entries[index]!;
      const action = random();
      if (action < 0.1) entries.splice(index, 1);
      else if (action < 0.2) entries.push([pick(NAMES), pick(VALUES)]);
      else entries[index] = [action < 0.25 ? pick(NAMES) : name, changeValue(old)];
      return Array.isArray(value) ? entries.map(([, entry]): unknown => entry) : Object.fromEntries(entries);
    };
    const changeText = (text: string): string => {
      const at = Math.floor(random() * text.length);
      const end = at + Math.floor(random() * 8);
      const action = random();
      if (action < 0.3) return text.slice(0, at) + text.slice(end);
      if (action < 0.6)
        return text.slice(0, at) + String.fromCharCode(Math.floor(random() * 0x250)) + text.slice(at);
      if (action < 0.8) return text.slice(0, end) + text.slice(at);
      return text.slice(0, at);
    };

    const outcomes = { accepted: 0, refused: 0 };
    const started = performance.now();
    for (let round = 0; round < ROUNDS; round++) {
      let body: unknown = pick(BODIES);
      for (let change = 0; change < 3; change++) body = changeValue(body);
      let text = JSON.stringify(body) ?? '';
      if (random() < 0.3) text = changeText(text);
      try {
        const envelope = openEnvelope(text);
        const { arrivals, ignored } =
          envelope.kind === 'sns' ? openSnsMessage(envelope.message) : envelope.notification;
        for (const arrival of arrivals) {
          const { bucket, key, versionId, etag, size, sequencer, time, ...more } = arrival;
          const isBounded =
            /^[A-Za-z0-9._-]{1,255}$/.test(bucket) &&
            key.length > 0 &&
            Buffer.byteLength(key) <= 1024 &&
            [versionId, etag, sequencer].every(
              (one) => one === null || (one.length > 0 && one.length <= 1024),
            ) &&
            (size === null || (Number.isSafeInteger(size) && size >= 0)) &&
            new Date(time).toISOString() === time &&
            Object.keys(more).length === 0;
          if (!isBounded) throw new Error(`Not within bounds, round ${round}: ${JSON.stringify(arrival)}`);
        }
        if (!Number.isInteger(ignored)) throw new Error(`No count, round ${round}`);
        outcomes.accepted += 1;
      } catch (error) {
        if (!(error instanceof SluiceError && error.code === 'InvalidInput')) throw error;
        if (error.message.length > 10_000) throw new Error(`A long message, round ${round}`);
        outcomes.refused += 1;
      }
    }
    // Both ways are well trodden, or the changes are too small or too great to tell anything.
    expect(outcomes.accepted).toBeGreaterThan(ROUNDS / 10);
    expect(outcomes.refused).toBeGreaterThan(ROUNDS / 10);
    expect(performance.now() - started).toBeLessThan(30_000);
    expect(Object.keys(Object.prototype)).toEqual([]);
  },
);
