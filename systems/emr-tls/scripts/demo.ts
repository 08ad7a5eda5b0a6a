/**
 * Encryption in transit on this machine: a local stack with a played AWS, a certificate, a broker, the provider JAR, a
 * security configuration, and two JVMs that load the JAR as nodes do and talk TLS 1.3; then a rotation.
 * `npm run demo -- [--dir DIR] [--port-offset N]`
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs, promisify } from 'node:util';

const { values } = parseArgs({
  options: {
    dir: { type: 'string', default: join(tmpdir(), `sluice-emr-tls-demo-${process.pid}`) },
    'port-offset': { type: 'string', default: '400' },
  },
});
const project = join(__dirname, '..');
const client = require
  .resolve('sluice/package.json')
  .replace('package.json', join('dist', 'src', 'client.js'));
const startedAt = Date.now();
const say = (text: string) =>
  console.log(`${((Date.now() - startedAt) / 1000).toFixed(1).padStart(5)} s  ${text}`);

interface Ready {
  env: Record<string, string>;
  ui: { url: string };
}

async function startStack() {
  const args = [
    client,
    'dev',
    '--json',
    '--no-spark',
    '--dir',
    values.dir,
    '--port-offset',
    values['port-offset'],
  ];
  const stack = spawn(process.execPath, args, { cwd: project, stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface({ input: stack.stdout })) {
    const said = JSON.parse(line) as Partial<Ready & { ready: boolean }>;
    if (said.ready) return { stack, ready: said as Ready };
  }
  throw new Error('the local stack did not start');
}

async function run(env: Record<string, string>, pipeline: string, ...parameters: string[]) {
  const given = parameters.flatMap((parameter) => ['-p', parameter]);
  const args = [client, 'start', pipeline, '--wait', '--json', ...given];
  const options = { cwd: project, env: { ...process.env, ...env }, maxBuffer: 64 * 1024 * 1024 };
  const { stdout } = await promisify(execFile)(process.execPath, args, options);
  return (JSON.parse(stdout) as { result: Record<string, unknown> }).result;
}

async function main(): Promise<void> {
  const { stack, ready } = await startStack();
  try {
    say(`Temporal, S3 and the played AWS are up: ${ready.ui.url}`);
    const made = await run(ready.env, 'emr-tls', 'days=20', 'instanceProfile=EMR_EC2_DefaultRole');
    say(`stored ${(made['parameters'] as { name: string }[]).map(({ name }) => name).join(', ')}`);
    say(`certificate ${String(made['fingerprint'])}, until ${String(made['notAfter'])}`);
    say(`provider ${String(made['jar'])}, security configuration ${String(made['securityConfiguration'])}`);
    for (const { from, to, host, protocol, subject } of made['verified'] as Record<string, string>[])
      say(`the ${from} talks ${protocol} to the ${to}, ${host}, which presents ${subject}`);
    const rotated = await run(ready.env, 'emr-tls-rotate', 'days=365');
    say(`rotated: certificate ${String(rotated['fingerprint'])}, until ${String(rotated['notAfter'])}`);
  } finally {
    stack.kill('SIGTERM');
    await once(stack, 'exit');
  }
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
