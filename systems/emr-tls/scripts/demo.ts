/**
 * Encryption in transit on this machine: a local stack with a played AWS, a certificate, a broker, the provider JAR, a
 * security configuration, and two JVMs that load the JAR as nodes do and talk TLS 1.3; then a rotation.
 * `npm run demo -- [--dir DIR] [--port-offset N]`
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runDemo, say, withLocalStack } from 'sluice-demo';

const { values } = parseArgs({
  options: {
    dir: { type: 'string', default: join(tmpdir(), `sluice-emr-tls-demo-${process.pid}`) },
    'port-offset': { type: 'string', default: '400' },
  },
});
const stack = { project: join(__dirname, '..'), dir: values.dir, portOffset: values['port-offset'] };

interface Made {
  parameters: { name: string }[];
  fingerprint: string;
  notAfter: string;
  jar: string;
  securityConfiguration: string;
  verified: Record<'from' | 'to' | 'host' | 'protocol' | 'subject', string>[];
}

runDemo(() =>
  withLocalStack(stack, async ({ ui, run }) => {
    say(`Temporal, S3 and the played AWS are up: ${ui.url}`);
    const input = { days: 20, instanceProfile: 'EMR_EC2_DefaultRole' };
    const made = (await run('emr-tls', input)) as Made;
    say(`stored ${made.parameters.map(({ name }) => name).join(', ')}`);
    say(`certificate ${made.fingerprint}, until ${made.notAfter}`);
    say(`provider ${made.jar}, security configuration ${made.securityConfiguration}`);
    for (const { from, to, host, protocol, subject } of made.verified)
      say(`the ${from} talks ${protocol} to the ${to}, ${host}, which presents ${subject}`);
    const rotated = (await run('emr-tls-rotate', { days: 365 })) as Made;
    say(`rotated: certificate ${rotated.fingerprint}, until ${rotated.notAfter}`);
  }),
);
