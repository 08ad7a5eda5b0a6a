/** What is wrong with a machine or its settings is told with its cure: no command ends in `Unexpected` for it. */
import { createServer, type Server } from 'node:net';
import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toCommandError } from '../../../src/cli/errors';
import { readConfig } from '../../../src/setup/config';
import { checkNamespace, connectClient, connectWorker } from '../../../src/setup/connect';
import { useCliServer } from '../../support/cliServer';
import { EMPTY_PROJECT } from '../../support/project';

const server = useCliServer();
const { sluice } = server;

let folder: string;
let taken: Server;
let port: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-settings-'));
  writeFileSync(join(folder, 'garbage.pem'), 'no certificate');
  taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  port = String((taken.address() as { port: number }).port);
});
afterAll(() => {
  taken.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Case {
  about: string;
  env: () => NodeJS.ProcessEnv;
  code: string;
  message: RegExp;
  exitCode?: number;
}

const garbage = () => join(folder, 'garbage.pem');

const CASES: Case[] = [
  {
    about: 'an address where nobody listens',
    env: () => ({ TEMPORAL_ADDRESS: '127.0.0.1:1' }),
    code: 'ServerUnreachable',
    message: /127\.0\.0\.1:1\. Start a local stack/,
    exitCode: 3,
  },
  {
    about: 'an address that is a URL',
    env: () => ({ TEMPORAL_ADDRESS: 'http://127.0.0.1:7233' }),
    code: 'InvalidInput',
    message: /Give host:port/,
  },
  {
    about: 'a namespace that does not exist',
    env: () => ({ TEMPORAL_NAMESPACE: 'nowhere' }),
    code: 'InvalidInput',
    message: /no namespace nowhere\. Set TEMPORAL_NAMESPACE/,
  },
  {
    about: 'a certificate that is not there',
    env: () => ({
      TEMPORAL_TLS_CLIENT_CERT_PATH: '/nonexistent/a.pem',
      TEMPORAL_TLS_CLIENT_KEY_PATH: '/nonexistent/a.key',
    }),
    code: 'InvalidInput',
    message: /\/nonexistent\/a\.pem.*Correct the TEMPORAL_ variables/,
  },
  {
    about: 'a certificate that is none',
    env: () => ({
      TEMPORAL_TLS_CLIENT_CERT_PATH: garbage(),
      TEMPORAL_TLS_CLIENT_KEY_PATH: garbage(),
      TEMPORAL_TLS_SERVER_CA_CERT_PATH: garbage(),
    }),
    code: 'InvalidInput',
    message: /client certificate.*TEMPORAL_TLS_CLIENT_CERT_PATH.*CLIENT_KEY_PATH.*SERVER_CA_CERT_PATH/,
  },
  {
    about: 'settings that are no TOML',
    env: () => ({ TEMPORAL_CONFIG_FILE: garbage() }),
    code: 'InvalidInput',
    message: /settings of Temporal are wrong.*temporal\.toml/,
  },
  {
    about: 'a profile that is not there',
    env: () => ({ TEMPORAL_PROFILE: 'nope' }),
    code: 'InvalidInput',
    message: /Profile 'nope' not found/,
  },
  {
    about: 'a metrics host that is no address',
    env: () => ({ SLUICE_METRICS_PORT: '1', SLUICE_METRICS_HOST: 'nohost' }),
    code: 'InvalidInput',
    message: /SLUICE_METRICS_HOST: "nohost" is no IP address/,
  },
  {
    about: 'local engines without their folder',
    env: () => ({ SLUICE_ENGINES: 'local' }),
    code: 'InvalidInput',
    message: /SLUICE_S3_DIR/,
  },
];

/** Runs `act` with these variables alone, as a process of its own would. */
async function withEnvironment<T>(env: NodeJS.ProcessEnv, act: () => Promise<T>): Promise<T> {
  const before = { ...process.env };
  const replace = (variables: NodeJS.ProcessEnv) => {
    for (const name of Object.keys(process.env)) delete process.env[name];
    Object.assign(process.env, variables);
  };
  replace({ HOME: '/nonexistent', ...env });
  try {
    return await act();
  } finally {
    replace(before);
  }
}

/** What every command does first, and what a worker does besides. */
const STARTS: [string, () => Promise<void>][] = [
  [
    'a command',
    async () => {
      const connected = await connectClient(readConfig());
      try {
        await checkNamespace(connected);
      } finally {
        await connected.connection.close();
      }
    },
  ],
  [
    'a worker',
    async () => {
      readConfig();
      const { connection, namespace } = await connectWorker();
      const workflowService = connection.workflowService as never;
      const asked = { workflowService, options: { namespace } } as unknown as Parameters<
        typeof checkNamespace
      >[0];
      try {
        await checkNamespace(asked);
      } finally {
        await connection.close();
      }
    },
  ],
];

test.each(CASES)('$about is told with its cure', async ({ env, code, message, exitCode = 2 }) => {
  for (const [name, start] of STARTS) {
    const told = await withEnvironment({ ...server.env(), ...env() }, () =>
      start().then(() => null, toCommandError),
    );
    expect({ name, told }).toMatchObject({ name, told: { code, exitCode } });
    expect(told!.message).toMatch(message);
  }
});

interface ProcessCase extends Case {
  command: string[];
}

/** What needs a process: how its end looks to a shell, and what only a process has. */
const PROCESSES: ProcessCase[] = [
  { ...CASES[0]!, command: ['list'] },
  { ...CASES[2]!, command: ['worker'] },
  {
    about: 'a metrics port that is taken',
    env: () => ({ SLUICE_METRICS_PORT: port }),
    code: 'PortTaken',
    message: /in use/,
    command: ['worker'],
  },
  {
    about: 'a webhook port that is taken',
    env: () => ({ SLUICE_WEBHOOK_PORT: port }),
    code: 'PortTaken',
    message: /SLUICE_WEBHOOK_PORT/,
    command: ['webhook'],
  },
  {
    about: 'no region',
    env: () => ({ AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' }),
    code: 'InvalidInput',
    message: /Set AWS_REGION/,
    command: ['upload', __filename, 's3://lake/a'],
  },
];

test('a process ends with the exit code and one line on standard error', async () => {
  const ends = await Promise.all(
    PROCESSES.map(({ command, env }) =>
      sluice([...command, '--config', EMPTY_PROJECT], {
        ...{ SLUICE_LOG_LEVEL: 'error', SLUICE_WEBHOOK_PORT: '0' },
        ...env(),
      }),
    ),
  );
  for (const [i, { code: exitCode, stderr }] of ends.entries()) {
    const { about, code, message, exitCode: expected = 2 } = PROCESSES[i]!;
    expect({ about, stderr, exitCode }).toEqual({
      ...{ about, exitCode: expected },
      stderr: expect.stringMatching(new RegExp(`${code}: `)) as string,
    });
    expect(stderr).toMatch(message);
  }
});
