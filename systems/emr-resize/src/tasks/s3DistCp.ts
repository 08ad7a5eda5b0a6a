import {
  DeleteObjectCommand,
  DeleteObjectsCommand,
  paginateListObjectsV2,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { defineTask, markerOf, parseFolder, SluiceError, SUCCESS_MARKER } from 'sluice';
import { writeOutput, type Place } from '../s3DistCp/copyObjects';
import { readManifests, writeManifest, type Manifest } from '../s3DistCp/manifest';
import {
  COPY_FIELDS,
  findCopyProblems,
  planCopies,
  type CopyRequest,
  type SourceObject,
} from '../s3DistCp/planCopies';

/** How many outputs are written at a time. */
const CONCURRENCY = 6;
/** Of DeleteObjects. */
const DELETES = 1000;

/**
 * `s3-dist-cp`, inside the worker: what the tool of that name does on a cluster. Bytes are copied as they are: of gzip, files
 * may follow one another. Sources are deleted once every output is there in full, and only those that were copied.
 */
export const s3DistCp = defineTask(
  {
    name: 's3-dist-cp',
    about: 'Copies the objects of a folder, or joins them by groups, as S3DistCp does on EMR.',
    input: COPY_FIELDS,
    findProblems: findCopyProblems,
  },
  async (given, { s3, signal, reference, report, resumed, keep }) => {
    const [from, to] = [parseFolder(given.src), parseFolder(given.dest)];
    const request: CopyRequest = { ...given, src: locationOf(from), dest: locationOf(to) };
    const own = markerOf(reference.key);
    const manifests = await readManifests(s3, to, signal);
    const save = (manifest: Manifest) => writeManifest(s3, to, manifest, signal);
    const finish = async (manifest: Manifest) => {
      const deleted = await deleteSources(s3, { from, to }, manifest, signal);
      await save({ ...manifest, state: 'done' });
      return deleted;
    };
    let manifest = manifests.find(({ job }) => job === own);
    if (manifest === undefined) {
      for (const earlier of manifests)
        if (earlier.state === 'copied' && earlier.request.src === request.src) await finish(earlier);
      const outputs = planCopies(await listSources(s3, from, signal), request.src, request);
      refuseOnlyCopies(
        outputs.map(({ name }) => name),
        manifests,
        request,
      );
      manifest = { job: own, state: 'copying', request, outputs, bytes: [] };
      await save(manifest);
    }
    if (manifest.state === 'copying') {
      await remove(s3, to, SUCCESS_MARKER);
      const written = Array.isArray(resumed) ? (resumed as number[]) : [];
      manifest.bytes = await writeAll(manifest, written, {
        write: (output) => writeOutput(s3, { from, to }, output, signal),
        onWritten: (bytes) => {
          keep(bytes);
          report({ outputs: bytes.length, of: manifest.outputs.length });
        },
      });
      await s3.send(
        new PutObjectCommand({
          Bucket: to.bucket,
          Key: to.prefix + SUCCESS_MARKER,
          Body: '',
          ContentLength: 0,
        }),
        { abortSignal: signal },
      );
      manifest.state = request.deleteOnSuccess ? 'copied' : 'done';
      await save(manifest);
    }
    const deleted = manifest.state === 'copied' ? await finish(manifest) : 0;
    const sources = manifest.outputs.reduce((sum, output) => sum + output.sources.length, 0);
    return {
      output: request.dest,
      measures: {
        objectsRead: sources,
        objectsWritten: manifest.outputs.length,
        objectsDeleted: deleted,
        bytesWritten: manifest.bytes.reduce((sum, bytes) => sum + bytes, 0),
      },
    };
  },
);

const locationOf = ({ bucket, prefix }: Place) => `s3://${bucket}/${prefix}`;

/** What is in the folder but markers of folders, and names that begin with `_` or `.`. */
async function listSources(
  s3: S3Client,
  { bucket, prefix }: Place,
  signal: AbortSignal,
): Promise<SourceObject[]> {
  const objects: SourceObject[] = [];
  const pages = paginateListObjectsV2(
    { client: s3 },
    { Bucket: bucket, Prefix: prefix },
    { abortSignal: signal },
  );
  for await (const { Contents = [] } of pages)
    for (const { Key, Size, ETag } of Contents) {
      const key = Key!.slice(prefix.length);
      if (key === '' || key.endsWith('/') || /(^|\/)[_.]/.test(key)) continue;
      objects.push({ key, size: Size ?? 0, etag: (ETag ?? '').replaceAll('"', '') });
    }
  if (objects.length > 0) return objects;
  throw new SluiceError('InvalidJob', `s3://${bucket}/${prefix} has no objects; correct src`);
}

/** @throws SluiceError InvalidJob where an output would replace one whose sources are deleted: it is all that is left */
function refuseOnlyCopies(names: string[], manifests: Manifest[], { dest }: CopyRequest): void {
  const only = new Set(
    manifests
      .filter(({ state, request }) => request.deleteOnSuccess && state !== 'copying')
      .flatMap(({ outputs }) => outputs.map(({ name }) => name)),
  );
  const lost = names.find((name) => only.has(name));
  if (lost === undefined) return;
  throw new SluiceError(
    'InvalidJob',
    `${dest}${lost} was joined from objects that are deleted, and would be replaced; give another dest`,
  );
}

/** Writes several outputs at a time, and tells after each how many of the first are there. */
async function writeAll(
  { outputs }: Manifest,
  written: readonly number[],
  {
    write,
    onWritten,
  }: {
    write: (output: Manifest['outputs'][number]) => Promise<number>;
    onWritten: (bytes: number[]) => void;
  },
): Promise<number[]> {
  const bytes: (number | undefined)[] = [...written];
  let next = written.length;
  const work = async () => {
    while (next < outputs.length) {
      const at = next++;
      bytes[at] = await write(outputs[at]!);
      const gap = bytes.findIndex((one) => one === undefined);
      onWritten((gap === -1 ? bytes : bytes.slice(0, gap)) as number[]);
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: CONCURRENCY }, work));
  const failed = ended.find(({ status }) => status === 'rejected');
  if (failed !== undefined) throw (failed as PromiseRejectedResult).reason;
  return bytes as number[];
}

/** Deletes what was copied, and nothing that was replaced since. @returns how many objects are gone */
async function deleteSources(
  s3: S3Client,
  { from, to }: { from: Place; to: Place },
  { outputs, bytes }: Manifest,
  signal: AbortSignal,
): Promise<number> {
  const there = await sizesIn(s3, to, signal);
  const missing = outputs.find(({ name }, i) => there.get(name)?.size !== bytes[i]);
  if (missing !== undefined)
    throw new SluiceError(
      'ObjectGone',
      `s3://${to.bucket}/${to.prefix}${missing.name} is not there in full; its sources are left. Start again.`,
    );
  const present = await sizesIn(s3, from, signal);
  const keys = outputs
    .flatMap(({ sources }) => sources)
    .filter(({ key, etag }) => present.get(key)?.etag === etag)
    .map(({ key }) => from.prefix + key);
  for (let at = 0; at < keys.length; at += DELETES) {
    const Objects = keys.slice(at, at + DELETES).map((Key) => ({ Key }));
    const { Errors = [] } = await s3.send(
      new DeleteObjectsCommand({ Bucket: from.bucket, Delete: { Objects, Quiet: true } }),
      { abortSignal: signal },
    );
    if (Errors.length > 0)
      throw new Error(
        `${Errors.length} sources could not be deleted, the first ${Errors[0]!.Key}: ${Errors[0]!.Message}`,
      );
  }
  return keys.length;
}

async function sizesIn(s3: S3Client, { bucket, prefix }: Place, signal: AbortSignal) {
  const found = new Map<string, { size: number; etag: string }>();
  const pages = paginateListObjectsV2(
    { client: s3 },
    { Bucket: bucket, Prefix: prefix },
    { abortSignal: signal },
  );
  for await (const { Contents = [] } of pages)
    for (const { Key, Size, ETag } of Contents)
      found.set(Key!.slice(prefix.length), { size: Size ?? 0, etag: (ETag ?? '').replaceAll('"', '') });
  return found;
}

async function remove(s3: S3Client, { bucket, prefix }: Place, name: string): Promise<void> {
  try {
    await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: prefix + name }));
  } catch (error) {
    // S3 deletes what is not there without a word; some stores mind.
    if ((error as Error).name !== 'NoSuchKey') throw error;
  }
}
