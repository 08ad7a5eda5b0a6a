import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfig } from '../../../src/setup/config';
import { createRandom } from '../../support/random';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-test-config-'));
  writeFileSync(join(folder, 'login'), 'me:secret\n');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each<[string, string, string, unknown]>([
  ['SLUICE_WEBHOOK_PORT', '0', 'webhook.port', 0],
  ['SLUICE_WEBHOOK_PORT', ' 65535 ', 'webhook.port', 65_535],
  ['SLUICE_POLL_MIN', '1ms', 'pollMinMs', 1],
  ['SLUICE_LIST_EVERY', '30 days', 'listEveryMs', 30 * 86_400_000],
  ['SLUICE_LOG_LEVEL', 'INFO', 'logLevel', 'info'],
  ['SLUICE_ENGINES', 'AWS', 'engines', 'aws'],
  ['SLUICE_WEBHOOK_SECRET', 'new, old', 'webhook.secrets', ['new', 'old']],
  ['SLUICE_WEBHOOK_HOST', '0.0.0.0', 'webhook.host', '0.0.0.0'],
  ['SLUICE_WEBHOOK_HOST', '::1', 'webhook.host', '::1'],
  ['SLUICE_NOTIFY', 'https://me:pw@hooks.example.com/x', 'notify', 'https://me:pw@hooks.example.com/x'],
  [
    'SLUICE_NOTIFY_HOSTS',
    'Hooks.example.com, 10.0.0.1:8080',
    'notifyHosts',
    ['hooks.example.com', '10.0.0.1:8080'],
  ],
  ['SLUICE_LIVY_URL', 'http://livy:8998/', 'livyUrl', 'http://livy:8998'],
  ['SLUICE_LIVY_URL', 'http://me:p%40ss@livy:8998', 'livyUrl', 'http://livy:8998'],
  [
    'SLUICE_LIVY_URL',
    'http://me:p%40ss@livy',
    'livyAuth',
    { kind: 'password', user: 'me', password: 'p@ss' },
  ],
  ['SLUICE_LAKE', 's3://lake/', 'lake', 's3://lake'],
])('%s=%s is taken', (name, value, path, expected) => {
  expect(readConfig({ [name]: value })).toHaveProperty(path.split('.'), expected);
});

test.each([
  ['SLUICE_WEBHOOK_PORT', '65536'],
  ['SLUICE_WEBHOOK_PORT', '1e3'],
  ['SLUICE_WEBHOOK_PORT', '-1'],
  ['SLUICE_POLL_MIN', '0 s'],
  ['SLUICE_LIST_EVERY', '31 days'],
  ['SLUICE_RETRY_FOR', '99999999999 days'],
  ['SLUICE_CREDENTIALS_FOR', '5'],
  ['SLUICE_LOG_LEVEL', 'loud'],
  ['SLUICE_WEBHOOK_HOST', 'http://0.0.0.0'],
  ['SLUICE_WEBHOOK_HOST', 'localhost:8088'],
  ['SLUICE_NOTIFY_HOSTS', 'https://hooks.example.com'],
  ['SLUICE_LIVY_URL', 'livy:8998'],
  ['SLUICE_LIVY_URL', 'http://livy:8998/?a=1'],
  ['SLUICE_LIVY_AUTH', 'me:secret'],
  ['SLUICE_LIVY_AUTH', 'basic:/nowhere/login'],
  ['SLUICE_LIVY_CA', '/nowhere/ca.pem'],
  ['SLUICE_UI_URL', 'https://me:secret@ui.example.com'],
  ['SLUICE_LAKE', 's3://lake/*'],
  ['SLUICE_BUILD_ID', 'b1'],
])('%s=%s is refused by name', (name, value) => {
  expect(() => readConfig({ [name]: value })).toThrow(/SLUICE_/);
  expect(() => readConfig({ [name]: value })).not.toThrow('me:secret@');
});

test('how the worker says to Livy who it is stays in a file', () => {
  const login = join(folder, 'login');
  const authOf = (SLUICE_LIVY_AUTH: string) => readConfig({ SLUICE_LIVY_AUTH }).livyAuth;
  expect(authOf(`basic:${login}`)).toEqual({ kind: 'basic', file: login });
  expect(authOf(`bearer:${login}`)).toEqual({ kind: 'bearer', file: login });
  expect(authOf(`header:X-Token:${login}`)).toEqual({ kind: 'header', name: 'x-token', file: login });
  expect(() =>
    readConfig({ SLUICE_LIVY_URL: 'http://a:b@livy', SLUICE_LIVY_AUTH: `basic:${login}` }),
  ).toThrow('give one of both');
});

test('2,000 settings of chance are taken or refused as InvalidInput, each at once', () => {
  const random = createRandom(7);
  const known = [
    'LAKE',
    'LIVY_URL',
    'LIVY_AUTH',
    'NOTIFY',
    'NOTIFY_HOSTS',
    'POLL_MIN',
    'WEBHOOK_HOST',
    'UI_URL',
    'SNS_TOPICS',
  ];
  const pieces = [
    'http://',
    's3://',
    'a',
    ':',
    '@',
    '/',
    '-',
    ',',
    ' ',
    '%',
    '[',
    ']',
    '9',
    'ms',
    'basic:',
    '\\',
    'é',
    '*',
  ];
  for (let round = 0; round < 2_000; round++) {
    const value = Array.from({ length: random(12) }, () => pieces[random(pieces.length)]!).join('');
    const name = `SLUICE_${known[random(known.length)]!}`;
    try {
      readConfig({ [name]: value });
    } catch (error) {
      expect(error).toMatchObject({ code: 'InvalidInput' });
    }
  }
}, 20_000);

test('a secret in the place of its file is not repeated', () => {
  expect(() => readConfig({ SLUICE_LIVY_AUTH: 'bearer:my-own-token' })).toThrow(
    /file that it names is not there/,
  );
  expect(() => readConfig({ SLUICE_LIVY_AUTH: 'bearer:my-own-token' })).not.toThrow(/my-own-token/);
});
