import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SluiceError } from '../../../src/errors';
import { ensureAwsTestTools } from '../../../src/local';
import { ERROR_NAMES } from '../../../src/services/errorNames';
import { classifyError } from '../../../src/services/failures';
import { readModel } from '../../support/aws/model';

const root = join(__dirname, '..', '..', '..');
const sources = [
  'src',
  ...['packages', 'systems'].flatMap((room) =>
    readdirSync(join(root, room)).map((name) => join(room, name, 'src')),
  ),
].filter((folder) => existsSync(join(root, folder)));

/** Service -> the operations that the sources send. */
function callsInUse(): Map<string, Set<string>> {
  const calls = new Map<string, Set<string>>();
  const files = sources.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
  );
  for (const file of files.filter((name) => name.endsWith('.ts'))) {
    const text = readFileSync(join(root, file), 'utf8');
    for (const [, names, service] of text.matchAll(/import \{([^}]*)\} from '@aws-sdk\/client-([\w-]+)'/g)) {
      const operations = calls.get(service!) ?? new Set<string>();
      for (const [, command, pages] of names!.matchAll(/\b(?:([A-Z]\w+)Command|paginate([A-Z]\w+))\b/g))
        operations.add((command ?? pages)!);
      calls.set(service!, operations);
    }
  }
  return calls;
}

test('every error that the models list for the calls in use has its class', async () => {
  const { serviceModels } = await ensureAwsTestTools({ env: process.env, report: () => {} });
  const listed = new Set<string>();
  for (const [service, operations] of callsInUse()) {
    const model = readModel(serviceModels, service);
    for (const name of operations) {
      const operation = model.operations[name];
      expect([service, name, operation !== undefined]).toEqual([service, name, true]);
      for (const { shape } of operation?.errors ?? []) {
        listed.add(shape);
        listed.add(model.shapes[shape]!.error?.code ?? shape);
      }
    }
  }
  expect(listed.size).toBeGreaterThan(80);
  expect([...listed].filter((name) => !ERROR_NAMES.has(name))).toEqual([]);
}, 300_000);

const refusal = (name: string, status?: number) =>
  Object.assign(new Error('the words of the service'), {
    name,
    $metadata: status === undefined ? {} : { httpStatusCode: status },
  });

test.each([
  ['ThrottlingException', 400, 'Throttled'],
  ['NameOfTomorrow', 429, 'Throttled'],
  ['OperationTimeoutException', 400, 'Transient'],
  ['ConcurrentModificationException', 400, 'Transient'],
  ['OperationAborted', 409, 'Transient'],
  ['NameOfTomorrow', 409, 'Transient'],
  ['NameOfTomorrow', 425, 'Transient'],
  ['NameOfTomorrow', 500, 'Transient'],
  ['NameOfTomorrow', undefined, 'Transient'],
  ['ExpiredToken', 400, 'Credentials'],
  ['ExpiredTokenException', 403, 'Credentials'],
  ['CredentialsProviderError', undefined, 'Credentials'],
  ['InvalidSignatureException', 403, 'Credentials'],
  ['RequestTimeTooSkewed', 403, 'Credentials'],
  ['NameOfTomorrow', 403, 'AccessDenied'],
  ['NameOfTomorrow', 400, 'InvalidJob'],
] as const)('a service that says %s (%s) means %s', (name, status, code) => {
  expect(classifyError(refusal(name, status))).toMatchObject({
    code,
    message: expect.stringContaining('the words of the service'),
  });
});

test.each(['400', 'UnknownError', 'Unknown', 'BadRequest'])(
  'a HEAD that is answered 400 without a word (%s) may be a token that has expired',
  (name) => {
    const error = Object.assign(new Error('UnknownError'), { name, $metadata: { httpStatusCode: 400 } });
    expect(classifyError(error).code).toBe('Credentials');
  },
);

test('credentials that are wrong are told with what to renew, and a clock with what to set', () => {
  expect(classifyError(refusal('ExpiredToken', 400)).message).toContain("renew the worker's credentials");
  expect(classifyError(refusal('RequestTimeTooSkewed', 403)).message).toContain('set the clock');
});

test.each([
  new TypeError("Cannot read properties of undefined (reading 'x')"),
  new RangeError('Invalid array length'),
  Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }),
  Object.assign(new Error('file already exists'), { code: 'EEXIST' }),
  Object.assign(new Error('too many open files'), { code: 'EMFILE' }),
  new Error('nobody knows'),
  'a text',
  undefined,
  null,
  5,
])('%o is a fault of our own', (error) => {
  const { code, message } = classifyError(error);
  expect(code).toBe('Unexpected');
  expect(message).toContain(error instanceof Error ? error.message : String(error));
  expect(message).toContain('report it');
});

test.each([
  ['ECONNREFUSED', 'ServerUnreachable'],
  ['ECONNRESET', 'Transient'],
  ['UND_ERR_HEADERS_TIMEOUT', 'Transient'],
])('a network that says %s is %s, however deep it says so', (code, expected) => {
  const inner = Object.assign(new Error('inner'), { code });
  expect(classifyError(new TypeError('fetch failed', { cause: inner })).code).toBe(expected);
  expect(classifyError(new AggregateError([inner])).code).toBe(expected);
});

test.each(['CERT_HAS_EXPIRED', 'SELF_SIGNED_CERT_IN_CHAIN', 'ERR_TLS_CERT_ALTNAME_INVALID'])(
  'a certificate that is not trusted (%s) is told with how to trust it',
  (code) => {
    const error = Object.assign(new Error('the words of the connection'), { code });
    expect(classifyError(error)).toMatchObject({
      code: 'AccessDenied',
      message: expect.stringMatching(/the words of the connection; .*NODE_EXTRA_CA_CERTS/),
    });
  },
);

test('of a message that no history holds, the beginning and the end are kept', () => {
  for (const error of [
    new Error(`begin ${'x'.repeat(3_000_000)} end`),
    new SluiceError('InvalidJob', `begin ${'x'.repeat(3_000_000)} end`),
  ]) {
    const { message } = classifyError(error);
    expect(message).toMatch(/^begin x+ … x+ end/);
    expect(message.length).toBeLessThan(8_200);
  }
});

test('no message holds a secret', () => {
  const error = new Error('connect http://user:c4n4ry@livy:8998 failed');
  expect(classifyError(error).message).not.toContain('c4n4ry');
});
