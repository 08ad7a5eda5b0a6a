import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServiceError, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/common';
import { runCommandLine } from '../../../src/cli';
import { toCommandError } from '../../../src/cli/errors';
import { SluiceError } from '../../../src/errors';

function grpcError(code: number, details: string): Error {
  return new ServiceError('Failed', { cause: Object.assign(new Error(details), { code, details }) });
}

test('exit codes tell wrong input, a server that is away and all else apart', () => {
  expect(toCommandError(new SluiceError('InvalidInput', 'x')).exitCode).toBe(2);
  expect(toCommandError(new SluiceError('ServerUnreachable', 'x')).exitCode).toBe(3);
  expect(toCommandError(new SluiceError('JobFailed', 'x')).exitCode).toBe(1);
  expect(toCommandError(new Error('x'))).toEqual({ code: 'Unexpected', message: 'x', exitCode: 1 });
});

test('errors of the Temporal client get a code and a cure', () => {
  expect(toCommandError(new WorkflowNotFoundError('x', 'a1', undefined))).toMatchObject({
    code: 'UnknownRun',
    exitCode: 2,
  });
  const taken = toCommandError(new WorkflowExecutionAlreadyStartedError('x', 'a1', 'main'));
  expect(taken).toMatchObject({ exitCode: 2, message: expect.stringContaining('sluice cancel a1') });
  expect(toCommandError(grpcError(14, 'no connection'))).toMatchObject({
    code: 'ServerUnreachable',
    exitCode: 3,
  });
  expect(toCommandError(grpcError(5, 'Namespace x is not found')).message).toContain('TEMPORAL_NAMESPACE');
});

test('errors of the AWS SDK get a code', () => {
  const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' });
  expect(toCommandError(refused)).toMatchObject({ code: 'ServerUnreachable', exitCode: 3 });
  const refused400 = Object.assign(new Error('too long'), {
    name: 'KeyTooLongError',
    $metadata: { httpStatusCode: 400 },
  });
  expect(toCommandError(refused400)).toMatchObject({ code: 'InvalidInput', exitCode: 2 });
  const denied = Object.assign(new Error('Denied'), { $metadata: { httpStatusCode: 403 } });
  expect(toCommandError(denied)).toMatchObject({ code: 'AccessDenied', exitCode: 1 });
});

test('a path that the file system refuses is named, and an error of another kind with such a code is not one', () => {
  const error = (code: string, message: string) => Object.assign(new Error(message), { code });
  expect(toCommandError(error('EACCES', "EACCES: permission denied, rename '/a b' -> '/c'"))).toEqual({
    code: 'InvalidInput',
    message: '/a b: access to it is denied; give another path.',
    exitCode: 2,
  });
  const port = 'listen EACCES: permission denied 127.0.0.1:80';
  expect(toCommandError(error('EACCES', port))).toMatchObject({ code: 'Unexpected', message: port });
});

describe('a command line', () => {
  // Outside of a project, whose pipelines would be loaded.
  const before = process.cwd();
  beforeAll(() => process.chdir(tmpdir()));
  afterAll(() => process.chdir(before));

  let written: { out: string; err: string };

  beforeEach(() => {
    written = { out: '', err: '' };
    const record = (to: 'out' | 'err') => (text: unknown) => {
      written[to] += String(text);
      return true;
    };
    vi.spyOn(process.stdout, 'write').mockImplementation(record('out'));
    vi.spyOn(process.stderr, 'write').mockImplementation(record('err'));
  });

  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
    process.exitCode = undefined;
  });

  test.each([
    [['frob']],
    [['start']],
    [['start', 'mainn']],
    [['start', 'main', '-p', 'x']],
    [['start', 'main', '--since', 'yesterday']],
    [['start', 'main', '-p', 'within=x']],
    [['start', 'main', '--empty', 'take']],
    [['start', 'main', '--on-arrival', 's3://lake/a', '--empty', 'keep']],
    [['list', '--state', 'foo']],
    [['signal', 'a1', 'arrival', 'nowhere']],
    [['signal', 'a1', 'other', 's3://lake/a']],
    [['schedule', 'create', 'rate-codes']],
    [['schedule', 'create', 'main', '--time-zone', 'Nowhere/City']],
    [['schedule', 'create', 'main', '--cron', '0 0 * * 1', '--every', '1 day']],
    [['dev', '--ports', 'foo=1']],
    [['demo', '--data', '/nowhere', '--no-spark']],
    [['demo', '--port-offset', 'x']],
    [['start', 'main', '--id', '']],
    [['schedule', 'create', 'main', '--id', ' ']],
    [['schedule', 'create', 'main', '--cron', '0 0 1 * * *']],
    ...[
      'status',
      'watch',
      'cancel',
      'retry',
      'resume',
      'schedule pause',
      'schedule describe',
      'schedule delete',
    ].flatMap((command) =>
      ['', 'a\nb', 'a\u001b[31m'].map((id): [string[]] => [[...command.split(' '), id]]),
    ),
    [['signal', '', 'arrival', 's3://lake/a']],
    [['upload', '/dev/null', 's3://lake/a']],
    [['upload', '/', 's3://lake/a']],
    [['upload', `${__filename}/x`, 's3://lake/a']],
    [['init', `${__filename}/x`]],
    [['init', 'a'.repeat(300)]],
    [['list', '--config', `${__filename}/x`]],
    [['dev', '--dir', '/dev/null', '--no-spark']],
    [['demo', '--dir', __filename, '--no-spark']],
    [['upload', __filename, `s3://lake/${'a'.repeat(1_025)}`]],
    [['upload', __filename, 's3://lake/a/../b']],
  ])('%j is wrong usage: exit code 2, and one JSON object on standard error', async (argv) => {
    expect(await runCommandLine([...argv, '--json'])).toBe(2);
    expect(JSON.parse(written.err)).toEqual({
      error: { code: expect.any(String), message: expect.any(String) },
    });
    expect(written.out).toBe('');
  });

  test.each<[string[], RegExp]>([
    [['start', 'main', '--id', ''], /--id.*not empty/],
    [['status', 'a\u001b[31m'], /'run'.*control character/],
    [['upload', '/', 's3://lake/a'], /a folder and no file/],
    [['upload', '/dev/null', 's3://lake/a'], /a device or a pipe and no file/],
    [['upload', __filename, `s3://lake/${'a'.repeat(1_025)}`], /1025 bytes/],
    [['upload', __filename, 's3://lake/a/../b'], /without "\.\."/],
    [
      ['upload', `${__filename}/x`, 's3://lake/a'],
      /errors\.test\.ts\/x: what it lies in is no folder; give another/,
    ],
    [['init', 'a'.repeat(300)], /aaa: the name is too long; give another/],
    [['dev', '--dir', '/dev/null', '--no-spark'], /\/dev\/null: it is there and no folder; give another/],
    [
      ['schedule', 'create', 'main', '--cron', '0 0 1 * * *'],
      /"\*" would be its year; a cron string has five/,
    ],
  ])('%j is told with what to mend', async (argv, message) => {
    expect(await runCommandLine(argv)).toBe(2);
    expect(written.err).toMatch(message);
  });

  test.each(['nonsense', 'host:9000'])('an endpoint of S3 that is no URL is named: %s', async (endpoint) => {
    vi.stubEnv('AWS_ENDPOINT_URL_S3', endpoint);
    expect(await runCommandLine(['upload', __filename, 's3://lake/a'])).toBe(2);
    expect(written.err).toBe(
      `InvalidInput: AWS_ENDPOINT_URL_S3: "${endpoint}" is no http or https URL; give one such as http://host:9000\n`,
    );
  });

  test('an empty address of Temporal is named', async () => {
    const before = process.env['TEMPORAL_ADDRESS'];
    process.env['TEMPORAL_ADDRESS'] = '';
    try {
      expect(await runCommandLine(['status', 'a1'])).toBe(2);
      expect(written.err).toBe('InvalidInput: TEMPORAL_ADDRESS is empty. Give host:port, or unset it.\n');
    } finally {
      delete process.env['TEMPORAL_ADDRESS'];
      if (before !== undefined) process.env['TEMPORAL_ADDRESS'] = before;
    }
  });

  test('a backfill of times that have not come is refused', async () => {
    const to = new Date(Date.now() + 60_000).toISOString();
    expect(await runCommandLine(['schedule', 'backfill', 'x', '--from', '1 day', '--to', to])).toBe(2);
    expect(written.err).toMatch(new RegExp(`^InvalidInput: --to ${to}: that time has not come.*up to now`));
  });

  test('a backfill whose times are the wrong way round is refused', async () => {
    const range = ['--from', '1 hour', '--to', '3 hours'];
    expect(await runCommandLine(['schedule', 'backfill', 'x', ...range])).toBe(2);
    expect(written.err).toMatch(
      /^InvalidInput: --from \S+Z is after --to \S+Z; give the earlier time as --from/,
    );
  });

  test('without --json an error is one text without a stack trace', async () => {
    expect(await runCommandLine(['start', 'mainn'])).toBe(2);
    expect(written.err).toMatch(/^UnknownPipeline: .*Did you mean "main"/);
    expect(written.err).not.toContain('    at ');
  });

  test.each([
    ...[
      'dev',
      'demo',
      'worker',
      'webhook',
      'pipelines',
      'start',
      'signal',
      'status',
      'watch',
      'list',
      'cancel',
      'schedule',
      'doctor',
    ],
    ...['create', 'list', 'pause', 'resume', 'trigger', 'delete'].map((verb) => `schedule ${verb}`),
  ])('the help of %s has an example', async (command) => {
    expect(await runCommandLine([...command.split(' '), '--help'])).toBe(0);
    expect(written.out).toMatch(/Examples?:\n {2}\$ /);
  });

  test('the version is that of the package', async () => {
    const text = readFileSync(join(__dirname, '..', '..', '..', 'package.json'), 'utf8');
    const { version } = JSON.parse(text) as { version: string };
    expect(await runCommandLine(['--version'])).toBe(0);
    expect(written).toEqual({ out: `${version}\n`, err: '' });
  });

  test('the pipelines are printed as JSON with their sources', async () => {
    expect(await runCommandLine(['pipelines', '--json'])).toBe(0);
    const pipelines = JSON.parse(written.out) as { name: string; sources: string[] }[];
    expect(pipelines.find(({ name }) => name === 'marketing-and-sales')?.sources).toContain(
      's3://lake/sales/*.csv',
    );
  });
});
