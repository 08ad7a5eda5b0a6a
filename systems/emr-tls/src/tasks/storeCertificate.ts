import { LabelParameterVersionCommand, PutParameterCommand, type SSMClient } from '@aws-sdk/client-ssm';
import { defineTask, field, SluiceError, type TaskContext } from 'sluice';
import type { Aws } from '../aws';
import {
  describeCertificate,
  findPairProblems,
  makeSelfSigned,
  type DescribedCertificate,
  type Pair,
} from '../certificates';
import { parameterNames, PREVIOUS, type ParameterKind } from '../names';
import { readHistory, readText, type ParameterBefore } from '../parameterStore';
import { readPair } from '../pemFiles';

/** What is public of the certificates that were stored. */
export interface StoredCertificates {
  parameters: { name: string; version: number }[];
  /** What the master presents. */
  master: DescribedCertificate;
  /** What the other nodes present. */
  nodes: DescribedCertificate;
}

const INPUT = {
  prefix: field.text(),
  keyArn: field.text(),
  domain: field.text(),
  days: field.integer({ least: 1 }),
  certificate: field.text(),
  privateKey: field.text({ optional: true }),
  owner: field.text(),
  before: field.value(Array.isArray as (value: unknown) => value is ParameterBefore[], {
    needs: 'the parameters as they were',
  }),
};

/**
 * Makes the certificate, or takes the one that is given, and stores both pairs as SecureStrings: in one task, so that a
 * private key leaves the worker in no other way. Answers `StoredCertificates`. What a parameter held before gets the label
 * `previous`, by which nodes trust it besides.
 *
 * Each version says in its description whose it is and which certificate it belongs to. So a task that starts again takes
 * two whole pairs that it has stored before, and else stores all four anew: no key is left beside another's certificate.
 */
export function createStoreCertificate(connect: () => Aws, bits = 4096) {
  return defineTask(
    { name: 'store-certificate', about: 'Makes or takes the certificate and stores it.', input: INPUT },
    async (input, context) => {
      const { ssm } = connect();
      const names = parameterNames(input.prefix);
      const stored =
        (await findStored(ssm, names, input.owner, context)) ??
        (await storePairs(ssm, { ...input, bits }, context));
      await labelPrevious(ssm, input.before, context.signal);
      return { payload: stored, measures: { parameters: stored.parameters.length } };
    },
  );
}

type Input = {
  prefix: string;
  keyArn: string;
  domain: string;
  days: number;
  certificate: string;
  privateKey?: string | undefined;
  owner: string;
  bits: number;
};
type Names = Record<ParameterKind, string>;

async function storePairs(ssm: SSMClient, input: Input, context: TaskContext): Promise<StoredCertificates> {
  const { domain, days, certificate, privateKey, keyArn, owner, bits } = input;
  const { s3, signal } = context;
  const now = new Date();
  const own = await makeSelfSigned({ domain, days, now, bits });
  const from = { certificate, privateKey: privateKey ?? '' };
  const given = certificate === 'self-signed' ? null : await readPair(s3, from, signal);
  const problems = [
    ...findPairProblems({ pair: own, domain, now: new Date() }),
    ...(given === null ? [] : findPairProblems({ pair: given, domain, now, from })),
  ];
  if (problems.length > 0)
    throw new SluiceError('InvalidJob', `The certificate cannot be stored:\n  ${problems.join('\n  ')}`);
  const master = given ?? own;
  const described = {
    master: describeCertificate(master.certificate),
    nodes: describeCertificate(own.certificate),
  };
  const names = parameterNames(input.prefix);
  const parameters: StoredCertificates['parameters'] = [];
  const put = async (kind: ParameterKind, Value: string, fingerprint: string) => {
    const Name = names[kind];
    const command = new PutParameterCommand({
      ...{ Name, Value, Type: 'SecureString', KeyId: keyArn, Tier: 'Standard', Overwrite: true },
      Description: describeOwner(owner, fingerprint),
    });
    const { Version } = await ssm.send(command, { abortSignal: signal });
    parameters.push({ name: Name, version: Version! });
  };
  const putPair = async (kinds: [ParameterKind, ParameterKind], pair: Pair, fingerprint: string) => {
    await put(kinds[0], pair.certificate, fingerprint);
    await put(kinds[1], pair.privateKey, fingerprint);
  };
  await putPair(['certificate', 'privateKey'], master, described.master.fingerprint);
  await putPair(['nodesCertificate', 'nodesPrivateKey'], own, described.nodes.fingerprint);
  return { parameters, ...described };
}

/** Whose a version is, and of which certificate. */
export function describeOwner(owner: string, fingerprint: string): string {
  return `sluice emr-tls ${owner} ${fingerprint}`;
}

export function isOwnedBy(owner: string, description: string | undefined): boolean {
  return description?.startsWith(describeOwner(owner, '')) ?? false;
}

/** What an earlier attempt has stored whole, or null. */
async function findStored(
  ssm: SSMClient,
  names: Names,
  owner: string,
  { signal }: TaskContext,
): Promise<StoredCertificates | null> {
  const kinds = Object.keys(names) as ParameterKind[];
  const parameters: StoredCertificates['parameters'] = [];
  const descriptions = {} as Record<ParameterKind, string>;
  for (const kind of kinds) {
    const newest = (await readHistory(ssm, names[kind], signal)).at(-1);
    if (!isOwnedBy(owner, newest?.Description)) return null;
    descriptions[kind] = newest!.Description!;
    parameters.push({ name: names[kind], version: newest!.Version! });
  }
  const describe = async (certificate: ParameterKind, key: ParameterKind) => {
    const described = describeCertificate((await readText(ssm, names[certificate], signal))!);
    const wanted = describeOwner(owner, described.fingerprint);
    return descriptions[certificate] === wanted && descriptions[key] === wanted ? described : null;
  };
  const master = await describe('certificate', 'privateKey');
  const nodes = await describe('nodesCertificate', 'nodesPrivateKey');
  return master === null || nodes === null ? null : { parameters, master, nodes };
}

/** A label is on one version at a time, so giving it takes it from the one before. */
async function labelPrevious(ssm: SSMClient, before: ParameterBefore[], signal: AbortSignal): Promise<void> {
  for (const { name, version } of before) {
    if (version === null) continue;
    const command = new LabelParameterVersionCommand({
      Name: name,
      ParameterVersion: version,
      Labels: [PREVIOUS],
    });
    await ssm.send(command, { abortSignal: signal });
  }
}
