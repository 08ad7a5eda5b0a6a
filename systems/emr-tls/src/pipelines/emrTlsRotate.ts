import { definePipeline, field, task } from 'sluice/workflow';
import { findInputProblems } from '../inputProblems';
import { BROKER_FUNCTION, BROKER_ROLE } from '../names';
import type { ClusterOfParameters } from '../tasks/findClusters';
import type { CertificatesInForce } from '../tasks/lookAtCertificates';
import type { StoredCertificates } from '../tasks/storeCertificate';
import { withUndo } from './_undo';

export interface EmrTlsRotateResult {
  rotated: boolean;
  fingerprint: string;
  /** When the first of the two certificates in force ends, ISO 8601. */
  notAfter: string;
  /** The fingerprint that nodes trust besides from now on; null when nothing was rotated. */
  before: string | null;
  /** The clusters that run on the certificate of before until they are replaced. */
  clusters: ClusterOfParameters[];
}

/** A new certificate before the old one ends; nodes that start from then on trust both, until the next rotation. */
export const emrTlsRotate = definePipeline(
  {
    name: 'emr-tls-rotate',
    about:
      'Replaces the certificate of emr-tls before it ends, and names the clusters that run on the old one.',
    input: {
      domain: field.text({ about: "of the VPC's DHCP options, as emr-tls has it", optional: true }),
      keyId: field.text({ about: 'the KMS key of the parameters', default: 'alias/emr-tls' }),
      prefix: field.text({ about: 'of the four parameters', default: '/emr' }),
      certificate: field.text({
        about: 'what the master presents: self-signed, or the PEM file in which its new certificate lies',
        default: 'self-signed',
      }),
      privateKey: field.text({ about: "the PEM file of the given certificate's key", optional: true }),
      days: field.integer({ about: 'how long the new certificate is valid', least: 1, default: 365 }),
      renewWithinDays: field.integer({
        about: 'how many days before its end a certificate is replaced',
        least: 1,
        default: 30,
      }),
    },
    findProblems: (input) => [
      ...findInputProblems({
        ...input,
        name: 'rotate',
        functionName: BROKER_FUNCTION,
        roleName: BROKER_ROLE,
      }),
      ...(input.renewWithinDays < input.days
        ? []
        : [
            `renewWithinDays: ${input.renewWithinDays} is not below days ${input.days}; each run would rotate`,
          ]),
    ],
    schedule: { cron: '0 3 * * *', about: 'daily, 03:00; a certificate is replaced when it is due' },
  },
  async (run, input): Promise<EmrTlsRotateResult> => {
    const { prefix, keyId, domain, certificate, privateKey, days, renewWithinDays } = input;
    const looked = await run.job(
      'look at certificates',
      task('look-at-certificates', { prefix, keyId, domain, renewWithinDays, at: run.since }),
    );
    const inForce = looked.payload as CertificatesInForce;
    const { owner, keyArn, before, master } = inForce;
    const first = ({ master: one, nodes }: Pick<CertificatesInForce, 'master' | 'nodes'>) =>
      [one.notAfter, nodes.notAfter].sort()[0]!;
    if (!inForce.isDue)
      return {
        ...{ rotated: false, fingerprint: master.fingerprint, notAfter: first(inForce) },
        ...{ before: null, clusters: [] },
      };
    return withUndo(run, async (undo) => {
      const found = await run.job('name clusters', task('find-clusters', { prefix }));
      undo('store certificate', task('restore-parameters', { owner, before }));
      const { payload } = await run.job(
        'store certificate',
        task('store-certificate', {
          ...{ prefix, keyArn, domain: inForce.domain, days, certificate, privateKey, owner, before },
        }),
      );
      const stored = payload as StoredCertificates;
      return {
        ...{ rotated: true, fingerprint: stored.master.fingerprint, notAfter: first(stored) },
        before: master.fingerprint,
        clusters: (found.payload as { clusters: ClusterOfParameters[] }).clusters,
      };
    });
  },
);
