import { GetObjectCommand } from '@aws-sdk/client-s3';
import { defineTask, field, parseS3Uri, SluiceError } from 'sluice';

/** What a port presented, as `cluster/verify_nodes.py` reports it. */
export interface VerifiedEndpoint {
  host: string;
  port: number;
  role: 'master' | 'node';
  protocol: string | null;
  fingerprint: string | null;
  error: string | null;
}

/** Judges what the cluster's ports presented: every one its own certificate, in TLS 1.2 or later. Answers `{ endpoints }`. */
export const readVerification = defineTask(
  {
    name: 'read-verification',
    about: 'Judges what the ports of a cluster presented.',
    input: { report: field.object(), masterFingerprint: field.text(), nodesFingerprint: field.text() },
  },
  async ({ report, masterFingerprint, nodesFingerprint }, { s3, signal }) => {
    const { bucket: Bucket, key: Key } = parseS3Uri(report)!;
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }), { abortSignal: signal });
    const { endpoints } = JSON.parse(await Body!.transformToString()) as { endpoints: VerifiedEndpoint[] };
    const problems = findEndpointProblems(endpoints, { masterFingerprint, nodesFingerprint });
    if (problems.length > 0)
      throw new SluiceError('BadData', ['The cluster is not encrypted as asked:', ...problems].join('\n  '));
    return { output: report, payload: { endpoints }, measures: { endpoints: endpoints.length } };
  },
);

/** What is wrong with what was presented, one line for each port. */
export function findEndpointProblems(
  endpoints: VerifiedEndpoint[],
  { masterFingerprint, nodesFingerprint }: { masterFingerprint: string; nodesFingerprint: string },
): string[] {
  if (!endpoints.some(({ role }) => role === 'node'))
    return ['no node was seen beside the master; see whether YARN knows of one'];
  return endpoints.flatMap(({ host, port, role, protocol, fingerprint, error }) => {
    const at = (problem: string) => [`${host}:${port} (${role}): ${problem}`];
    if (error !== null) return at(`no TLS: ${error}`);
    if (protocol !== 'TLSv1.2' && protocol !== 'TLSv1.3') return at(`speaks ${protocol}`);
    const wanted = role === 'master' ? masterFingerprint : nodesFingerprint;
    return fingerprint === wanted ? [] : at(`presents the certificate ${fingerprint}, not ${wanted}`);
  });
}
