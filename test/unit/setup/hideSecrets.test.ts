import { ApplicationFailure } from '@temporalio/common';
import { readSecrets } from '../../../src/setup/config';
import { hideSecrets, redactSecrets } from '../../../src/setup/redactSecrets';
import { toActivityFailure } from '../../../src/services/failures';

const SECRET = 'c4n/ry+S3cr=t&"<x>';
beforeAll(() => hideSecrets([SECRET]));

const json = JSON.stringify(SECRET).slice(1, -1);

test.each([
  SECRET,
  json,
  JSON.stringify(json).slice(1, -1),
  encodeURIComponent(SECRET),
  encodeURIComponent(encodeURIComponent(SECRET)),
  encodeURI(SECRET),
  new URLSearchParams([['', SECRET]]).toString().slice(1),
  SECRET.replace('&', '&amp;'),
  SECRET.replace('&', '&amp;').replace('<', '&lt;'),
  SECRET.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;').replace('"', '&quot;'),
  SECRET.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`),
  SECRET.replace(/[&<>"]/g, (sign) => `&#x${sign.charCodeAt(0).toString(16).toUpperCase()};`),
  SECRET.replace(/[&<>]/g, (sign) => `\\u00${sign.charCodeAt(0).toString(16)}`),
  Buffer.from(SECRET).toString('hex'),
])('a secret that was given is hidden as %s', (form) => {
  expect(redactSecrets(`the server says ${form}, sorry`)).toBe('the server says ***, sorry');
});

test.each(['', 'a', 'ab', 'abc'])('a secret is hidden in base64 behind "%s"', (before) => {
  const login = Buffer.from(`${before}:${SECRET}:after`);
  for (const encoding of ['base64', 'base64url'] as const) {
    const left = Buffer.from(redactSecrets(login.toString(encoding)).replace('***', '····'), 'base64');
    expect(left.toString('latin1')).not.toMatch(/c4n|S3cr/);
  }
});

test('100 KB that nearly hold 20 secrets are gone through in under three seconds', () => {
  hideSecrets(Array.from({ length: 20 }, (_, i) => `s/+ &${i}"=\\<'secret`));
  const text = `${'s/+ &'.repeat(100)}${'\\'.repeat(100)}%2525`.repeat(150);
  const startedAt = performance.now();
  redactSecrets(text);
  expect(performance.now() - startedAt).toBeLessThan(3_000);
});

test('a short secret hides no part of a word', () => {
  hideSecrets(['job', '']);
  expect(redactSecrets('the job failed')).toBe('the job failed');
});

test('a failure that a runner has made itself holds no secret, and is the same besides', () => {
  const failure = ApplicationFailure.create({
    message: `refused: ${SECRET}`,
    type: 'JobFailed',
    nonRetryable: true,
    details: [1],
  });
  expect(toActivityFailure(failure)).toMatchObject({
    message: 'refused: ***',
    type: 'JobFailed',
    nonRetryable: true,
    details: [1],
  });
});

test.each([
  ['AWS_SECRET_ACCESS_KEY', SECRET, SECRET],
  ['AWS_SESSION_TOKEN', SECRET, SECRET],
  ['TEMPORAL_API_KEY', SECRET, SECRET],
  ['TEMPORAL_TLS_CLIENT_KEY_DATA', SECRET, SECRET],
  ['TEMPORAL_GRPC_META_X_PROXY', SECRET, SECRET],
  ['OTEL_EXPORTER_OTLP_HEADERS', 'x-tenant=me,authorization=Bearer%20abcdefgh', 'Bearer abcdefgh'],
  ['SLUICE_WEBHOOK_SECRET', `other, ${SECRET}`, SECRET],
  ['SLUICE_LIVY_URL', 'http://me:p%40ssw0rd@livy', 'p@ssw0rd'],
  ['AWS_ENDPOINT_URL', 'http://user-that-is-a-token@gateway', 'user-that-is-a-token'],
  ['SLUICE_NOTIFY', 'https://hooks.example.com/services/T0/B0/xyz', '/services/T0/B0/xyz'],
  ['SLUICE_NOTIFY', 'https://hooks.example.com/?token=abcdefgh', 'abcdefgh'],
])('%s is known as a secret', (name, value, secret) => {
  expect(readSecrets({ [name]: value })).toContain(secret);
});

test.each([
  ['AWS_WEB_IDENTITY_TOKEN_FILE', '/var/run/token'],
  ['SLUICE_LIVY_AUTH', 'bearer:/run/secrets/livy'],
  ['SLUICE_LAKE', 's3://lake'],
  ['PATH', '/usr/bin'],
])('%s=%s is none', (name, value) => {
  expect(readSecrets({ [name]: value }).join('')).toBe('');
});
