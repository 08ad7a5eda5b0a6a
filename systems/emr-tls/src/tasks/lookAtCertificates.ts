import { createHash } from 'node:crypto';
import { DescribeKeyCommand } from '@aws-sdk/client-kms';
import { defineTask, field, SluiceError } from 'sluice';
import { splitKeyArn, type Aws } from '../aws';
import { describeCertificate, type DescribedCertificate } from '../certificates';
import { defaultDomain, parameterNames } from '../names';
import { readBefore, readText, type ParameterBefore } from '../parameterStore';

/** What is in force, and until when. */
export interface CertificatesInForce {
  owner: string;
  keyArn: string;
  domain: string;
  before: ParameterBefore[];
  master: DescribedCertificate;
  nodes: DescribedCertificate;
  /** Whether one of the two ends within the time given. */
  isDue: boolean;
}

/** Reads the certificates, not the keys. Answers `CertificatesInForce`. */
export function createLookAtCertificates(connect: () => Aws) {
  return defineTask(
    {
      name: 'look-at-certificates',
      about: 'Tells which certificates are in force and whether they end soon.',
      input: {
        prefix: field.text(),
        keyId: field.text(),
        domain: field.text({ optional: true }),
        renewWithinDays: field.integer({ least: 1 }),
        /** ISO 8601: the time of the run. */
        at: field.time(),
      },
    },
    async ({ prefix, keyId, domain, renewWithinDays, at }, { reference, signal }) => {
      const { ssm, kms } = connect();
      const key = await kms.send(new DescribeKeyCommand({ KeyId: keyId }), { abortSignal: signal });
      const keyArn = key.KeyMetadata!.Arn!;
      const names = parameterNames(prefix);
      const read = async (name: string) => {
        const text = await readText(ssm, name, signal);
        if (text !== null) return describeCertificate(text);
        throw new SluiceError(
          'InvalidJob',
          `There is no parameter ${name}; run emr-tls first, or correct the prefix`,
        );
      };
      const [master, nodes] = await Promise.all([read(names.certificate), read(names.nodesCertificate)]);
      const limit = Date.parse(at) + renewWithinDays * 86_400_000;
      const inForce: CertificatesInForce = {
        owner: createHash('sha256').update(reference.key).digest('hex').slice(0, 16),
        keyArn,
        domain: domain ?? defaultDomain(splitKeyArn(keyArn).region),
        before: await Promise.all(Object.values(names).map((name) => readBefore(ssm, name, signal))),
        master,
        nodes,
        isDue: [master, nodes].some(({ notAfter }) => Date.parse(notAfter) <= limit),
      };
      return { payload: inForce };
    },
  );
}
