/** What is wrong with a machine or its settings is told with its cure: no command ends in `Unexpected` for it. */
import { createServer, type Server } from 'node:net';
import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { useCliServer } from '../../support/cliServer';

const { sluice } = useCliServer();

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
  commands: string[][];
}

const ALL = [['worker'], ['webhook'], ['list']];
const garbage = () => join(folder, 'garbage.pem');

const CASES: Case[] = [
  {
    about: 'an address where nobody listens',
    env: () => ({ TEMPORAL_ADDRESS: '127.0.0.1:1' }),
    code: 'ServerUnreachable',
    message: /127\.0\.0\.1:1\. Start a local stack/,
    exitCode: 3,
    commands: ALL,
  },
  {
    about: 'an address that is a URL',
    env: () => ({ TEMPORAL_ADDRESS: 'http://127.0.0.1:7233' }),
    code: 'InvalidInput',
    message: /Give host:port/,
    commands: ALL,
  },
  {
    about: 'a namespace that does not exist',
    env: () => ({ TEMPORAL_NAMESPACE: 'nowhere' }),
    code: 'InvalidInput',
    message: /no namespace nowhere\. Set TEMPORAL_NAMESPACE/,
    commands: ALL,
  },
  {
    about: 'a certificate that is not there',
    env: () => ({
      TEMPORAL_TLS_CLIENT_CERT_PATH: '/nonexistent/a.pem',
      TEMPORAL_TLS_CLIENT_KEY_PATH: '/nonexistent/a.key',
    }),
    code: 'InvalidInput',
    message: /\/nonexistent\/a\.pem.*Correct the TEMPORAL_ variables/,
    commands: ALL,
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
    commands: ALL,
  },
  {
    about: 'settings that are no TOML',
    env: () => ({ TEMPORAL_CONFIG_FILE: garbage() }),
    code: 'InvalidInput',
    message: /settings of Temporal are wrong.*temporal\.toml/,
    commands: ALL,
  },
  {
    about: 'a profile that is not there',
    env: () => ({ TEMPORAL_PROFILE: 'nope' }),
    code: 'InvalidInput',
    message: /Profile 'nope' not found/,
    commands: ALL,
  },
  {
    about: 'a metrics port that is taken',
    env: () => ({ SLUICE_METRICS_PORT: port }),
    code: 'PortTaken',
    message: /in use/,
    commands: [['worker'], ['webhook']],
  },
  {
    about: 'a webhook port that is taken',
    env: () => ({ SLUICE_WEBHOOK_PORT: port }),
    code: 'PortTaken',
    message: /SLUICE_WEBHOOK_PORT/,
    commands: [['webhook']],
  },
  {
    about: 'a metrics host that is no address',
    env: () => ({ SLUICE_METRICS_PORT: '1', SLUICE_METRICS_HOST: 'nohost' }),
    code: 'InvalidInput',
    message: /SLUICE_METRICS_HOST: "nohost" is no IP address/,
    commands: [['worker'], ['webhook']],
  },
  {
    about: 'local engines without their folder',
    env: () => ({ SLUICE_ENGINES: 'local' }),
    code: 'InvalidInput',
    message: /SLUICE_S3_DIR/,
    commands: [['worker']],
  },
  {
    about: 'no region',
    env: () => ({ AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' }),
    code: 'InvalidInput',
    message: /Set AWS_REGION/,
    commands: [['upload', __filename, 's3://lake/a']],
  },
];

test.each(CASES)('$about is told with its cure', async ({ env, code, message, exitCode = 2, commands }) => {
  for (const command of commands) {
    const told = await sluice(
      [...command, '--config', join(__dirname, '../../fixtures/empty/sluice.config.cjs')],
      {
        SLUICE_LOG_LEVEL: 'error',
        SLUICE_WEBHOOK_PORT: '0',
        ...env(),
      },
    );
    expect({ command, stderr: told.stderr }).toEqual({
      command,
      stderr: expect.stringMatching(new RegExp(`${code}: `)) as string,
    });
    expect(told.stderr).toMatch(message);
    expect(told.code).toBe(exitCode);
  }
});
