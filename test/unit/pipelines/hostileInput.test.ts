/** Durations, times and inputs of every kind that nobody has meant, each answered at once: taken, or refused with its field. */
import type { SluiceError } from '../../../src/errors';
import { parseBoundedDuration, parseDuration } from '../../../src/pipelines/duration';
import {
  findJobProblems,
  OPTIONS,
  parseInput,
  type Field,
  type FieldKind,
} from '../../../src/pipelines/input';
import { sourceOf } from '../../../src/pipelines/location';
import { matchesPattern } from '../../../src/pipelines/patterns';
import { createRandom } from '../../support/random';

/** What takes longer hangs, on whatever machine. */
const CASE_MS = 1_000;

function timed<T>(work: () => T, given: unknown): T {
  const startedAt = performance.now();
  const done = work();
  const tookMs = performance.now() - startedAt;
  if (tookMs > CASE_MS) throw new Error(`${tookMs} ms for ${JSON.stringify(given).slice(0, 200)}`);
  return done;
}

/** Names that every object of JavaScript has. */
const INHERITED = ['constructor', 'toString', 'valueOf', 'hasOwnProperty', '__proto__'];
const PIECES = [
  ...[
    's3://',
    'lake',
    '/',
    '*',
    '?',
    '**',
    '.',
    '..',
    ' ',
    '\n',
    '\u0000',
    'ü',
    '\ud800',
    '😀',
    '-',
    '@',
    ':',
    '%',
  ],
  ...[
    '1',
    '9'.repeat(400),
    '1e999',
    '0',
    '.5',
    'ms',
    'days',
    'week',
    'T',
    'Z',
    '2025-02-31',
    '+14:00',
    'true',
  ],
  ...[
    'https://',
    'arn:aws:sns:eu-central-1:123456789012:a',
    'Europe/Berlin',
    'a'.repeat(2_000),
    ...INHERITED,
  ],
];

function hostileValue(random: (below: number) => number, depth = 0): unknown {
  const text = () => Array.from({ length: random(6) }, () => PIECES[random(PIECES.length)]!).join('');
  const nested = () => hostileValue(random, depth + 1);
  const makers: (() => unknown)[] = [
    text,
    text,
    text,
    () => [0, -1, 1.5, 2 ** 53, 1e308, -0, 7][random(7)],
    () => [null, true, false, undefined][random(4)],
    () => (depth > 3 ? [] : Array.from({ length: random(4) }, nested)),
    () =>
      depth > 3
        ? {}
        : (JSON.parse(
            `{${Array.from({ length: random(4) }, () => `${JSON.stringify([...INHERITED, 'resource', 'parameters', 'options', 'name', 'arrival', text()][random(11)])}:${JSON.stringify(nested()) ?? 'null'}`).join(',')}}`,
          ) as unknown),
  ];
  return makers[random(makers.length)]!();
}

const KINDS: Record<FieldKind, Partial<Field>> = {
  ...{ text: {}, s3: {}, location: {}, 's3 pattern': {}, folder: {}, object: {}, path: {}, prefix: {} },
  ...{
    duration: {},
    number: {},
    integer: {},
    share: {},
    flag: {},
    time: {},
    'time zone': {},
    notification: {},
  },
  ...{
    texts: {},
    job: {},
    jobs: {},
    choice: { choices: ['a', 'b'] },
    value: { fits: (value) => value === 1, needs: 'one' },
  },
};

/** What the engine does with a value that was taken. */
const USES: Partial<Record<FieldKind, (value: never) => void>> = {
  duration: (value: string) => expect(Number.isFinite(parseBoundedDuration(value))).toBe(true),
  time: (value: string) => expect(new Date(value).toISOString()).toMatch(/^[+-]?\d/),
  's3 pattern': (value: string) => {
    expect(sourceOf(value)).not.toBeNull();
    matchesPattern(value, { bucket: 'lake', key: 'a'.repeat(1_024) });
  },
  'time zone': (value: string) => void new Intl.DateTimeFormat('en', { timeZone: value }),
};

test.each(Object.entries(KINDS) as [FieldKind, Partial<Field>][])(
  '1,000 values of chance for a field of kind %s are taken and can be used, or refused by its name',
  (kind, more) => {
    const random = createRandom(kind.length * 31);
    const pipeline = { name: 'p', input: { given: { kind, about: 'it', ...more } } };
    for (let round = 0; round < 1_000; round++) {
      const value = hostileValue(random);
      try {
        const { given } = timed(() => parseInput<{ given: never }>(pipeline, { given: value }), value);
        timed(() => USES[kind]?.(given), value);
      } catch (error) {
        expect(error).toMatchObject({ code: 'InvalidInput' });
        expect((error as SluiceError).message).toMatch(/ {2}(given|job|resource|parameters|options)/);
      }
    }
  },
);

test('2,000 jobs of chance are right, or have problems that begin with their place', () => {
  const random = createRandom(99);
  for (let round = 0; round < 2_000; round++) {
    const job = hostileValue(random);
    for (const problem of timed(() => findJobProblems(job, 'job.'), job)) expect(problem).toMatch(/^job/);
    const options = hostileValue(random);
    const given = { resource: 'a:b', parameters: {}, options };
    for (const problem of timed(() => findJobProblems(given, ''), given)) expect(problem).toMatch(/^options/);
  }
});

test.each([...INHERITED, ...INHERITED.map((name) => name.toUpperCase())])(
  '%s is no unit, no field and no option, though every object has it',
  (name) => {
    expect(parseDuration(`5 ${name}`)).toBeNull();
    const own = (value: unknown) =>
      JSON.parse(`{${JSON.stringify(name)}:${JSON.stringify(value)}}`) as object;
    expect(() => parseInput({ name: 'p', input: {} }, own(1))).toThrow(`${name}: unknown field`);
    const job = { resource: 'a:b', parameters: {}, options: own(1) };
    expect(findJobProblems(job, '')).toEqual([
      `options.${name}: unknown; known are ${Object.keys(OPTIONS).join(', ')}`,
    ]);
  },
);

test('20,000 durations of chance are numbers that a timer takes, or none', () => {
  const random = createRandom(5);
  const texts = Array.from({ length: 20_000 }, () =>
    Array.from({ length: random(5) }, () => PIECES[random(PIECES.length)]!).join(''),
  );
  const isRight = (text: string) => {
    const [durationMs, boundedMs] = timed(() => [parseDuration(text), parseBoundedDuration(text)], text);
    return (durationMs ?? 0) >= 0 && (boundedMs === null || (boundedMs > 0 && boundedMs < 2 ** 53));
  };
  expect(texts.filter((text) => !isRight(text))).toEqual([]);
  expect(texts.some((text) => parseBoundedDuration(text) !== null)).toBe(true);
});

test.each([
  ['2025-02-31T00:00:00Z', false],
  ['2024-02-29T00:00:00Z', true],
  ['2025-02-29T00:00:00Z', false],
  ['2025-04-30T12:00+02:00', true],
  ['2025-04-31T12:00+02:00', false],
  ['2025-03-01T12:00:00', false],
])('a time is one of the calendar and has its zone: %s is one: %s', (given, isOne) => {
  const parse = () =>
    parseInput({ name: 'p', input: { at: { kind: 'time', about: 'when' } } }, { at: given });
  if (isOne) expect(parse()).toEqual({ at: given });
  else expect(parse).toThrow(`at: "${given}"; give a time in ISO 8601`);
});

test('of 100,000 problems the first are told, and how many more there are', () => {
  const given = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`field-${i}`, i]));
  let message = '';
  try {
    parseInput({ name: 'p', input: {} }, given);
  } catch (error) {
    ({ message } = error as SluiceError);
  }
  expect(message).toContain('field-49: unknown field');
  expect(message).toMatch(/and 99950 more$/);
  expect(message.length).toBeLessThan(8_000);
});
