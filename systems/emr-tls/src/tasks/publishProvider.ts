import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  DescribeSecurityConfigurationCommand,
  ListSecurityConfigurationsCommand,
  type EMRClient,
} from '@aws-sdk/client-emr';
import { DeleteObjectCommand, HeadObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { defineTask, field, joinLocation, listKeys, parseFolder, parseS3Uri } from 'sluice';
import { orMissing, type Aws } from '../aws';
import { hasSecurityConfiguration } from './checkTls';

const SCRIPTS = join(__dirname, '..', '..', 'cluster');
/** In S3's metadata: the run that has uploaded an object. */
const OWNER = 'sluice-owner';

/** What nodes fetch. */
export interface PublishedProvider {
  /** `s3://…` under the hash of its bytes. */
  jar: string;
  sha256: string;
  /** The scripts for nodes by file name, each under its hash. */
  scripts: Record<string, string>;
}

/** Uploads the provider JAR and the scripts for nodes, each under the hash of its bytes. Answers a `PublishedProvider`. */
export function createPublishProvider(findJar: (signal: AbortSignal) => Promise<string>) {
  return defineTask(
    {
      name: 'publish-provider',
      about: 'Builds the provider JAR and uploads it with the scripts for nodes.',
      input: { lake: field.s3(), owner: field.text() },
    },
    async ({ lake, owner }, { s3, signal }) => {
      const upload = async (bytes: Uint8Array, name: string) => {
        const sha256 = createHash('sha256').update(bytes).digest('hex');
        const uri = joinLocation(lake, 'emr-tls', 'provider', sha256, name);
        await putOnce(s3, { uri, bytes, owner, signal });
        return { uri, sha256 };
      };
      const jar = await upload(await readFile(await findJar(signal)), 'emr-tls.jar');
      const scripts: Record<string, string> = {};
      for (const name of (await readdir(SCRIPTS)).sort())
        scripts[name] = (await upload(await readFile(join(SCRIPTS, name)), name)).uri;
      return {
        output: jar.uri,
        payload: { jar: jar.uri, sha256: jar.sha256, scripts } satisfies PublishedProvider,
      };
    },
  );
}

interface PutOnce {
  uri: string;
  bytes: Uint8Array;
  owner: string;
  signal: AbortSignal;
}

/** Null for an object that is not there. */
function headObject(s3: S3Client, uri: string, signal: AbortSignal) {
  const { bucket: Bucket, key: Key } = parseS3Uri(uri)!;
  const head = s3.send(new HeadObjectCommand({ Bucket, Key }), { abortSignal: signal });
  return orMissing(head, 'NotFound', 'NoSuchKey');
}

/** What is there under the hash of its bytes is what would be put. */
async function putOnce(s3: S3Client, { uri, bytes, owner, signal }: PutOnce): Promise<void> {
  const { bucket: Bucket, key: Key } = parseS3Uri(uri)!;
  const there = await headObject(s3, uri, signal);
  if (there?.ContentLength === bytes.byteLength) return;
  await s3.send(new PutObjectCommand({ Bucket, Key, Body: bytes, Metadata: { [OWNER]: owner } }), {
    abortSignal: signal,
  });
}

/** Deletes what `publish-provider` has uploaded in this run, unless a security configuration names the JAR by now. */
export function createRemoveProvider(connect: () => Aws) {
  return defineTask(
    {
      name: 'remove-provider',
      about: 'Deletes the JAR and scripts that a run has uploaded.',
      input: { lake: field.s3(), owner: field.text() },
    },
    async ({ lake, owner }, { s3, signal }) => {
      const folder = joinLocation(lake, 'emr-tls', 'provider');
      const left: string[] = [];
      const used = await readUsedJars(connect().emr, signal);
      for (const uri of await listUris(s3, folder, signal)) {
        const { bucket: Bucket, key: Key } = parseS3Uri(uri)!;
        const there = await headObject(s3, uri, signal);
        if (there?.Metadata?.[OWNER] !== owner) continue;
        if (used.has(uri)) left.push(`${uri}: a security configuration names it by now`);
        else await s3.send(new DeleteObjectCommand({ Bucket, Key }), { abortSignal: signal });
      }
      return { payload: { left } };
    },
  );
}

async function listUris(s3: S3Client, folder: string, signal: AbortSignal): Promise<string[]> {
  const { bucket, prefix } = parseFolder(folder);
  const keys = await listKeys(s3, bucket, prefix, signal);
  return keys.map((key) => `s3://${bucket}/${key}`);
}

/** The JARs that security configurations name. */
async function readUsedJars(emr: EMRClient, signal: AbortSignal): Promise<Set<string>> {
  const abort = { abortSignal: signal };
  const used = new Set<string>();
  let Marker: string | undefined;
  do {
    const page = await emr.send(new ListSecurityConfigurationsCommand({ Marker }), abort);
    for (const { Name } of page.SecurityConfigurations ?? []) {
      const call = emr.send(new DescribeSecurityConfigurationCommand({ Name }), abort);
      if (!(await hasSecurityConfiguration(call))) continue;
      const text = (await call).SecurityConfiguration ?? '';
      const jar = /"S3Object"\s*:\s*"([^"]+)"/.exec(text)?.[1];
      if (jar !== undefined) used.add(jar);
    }
    Marker = page.Marker;
  } while (Marker !== undefined);
  return used;
}
