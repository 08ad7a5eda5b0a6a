import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { DeleteObjectCommand, GetObjectCommand, HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import {
  defineTask,
  field,
  joinLocation,
  parseS3Uri,
  SluiceError,
  type TaskContext,
  type TaskResult,
} from 'sluice';
import { isPinnedObject, uriOf, type PinnedObject } from '../objects';
import { BGZF_END, ReadsFile } from '../reads/readsFile';
import { readHeader, type VcfHeader } from '../vcf/readHeader';
import { parseRegion, type Region } from '../vcf/region';
import { requireSamples } from '../vcf/requireSamples';

/** The reads of a sample, and what they call the region. */
export interface SampleReads {
  sample: string;
  object: PinnedObject;
  index: string;
  contig: string;
  start: number;
  end: number;
}

export interface CheckedTrio {
  reads: SampleReads[];
}

/**
 * `check-trio`: looks at all inputs before anything is computed, tells all that is wrong at once, and finds out which BAM is
 * whose. What an earlier run has published counts as incomplete from then on: its `_SUCCESS` goes.
 */
export const checkTrio = defineTask(
  {
    name: 'check-trio',
    about: 'Looks at the VCF and the BAMs of a trio before anything is computed of them.',
    input: {
      genotypes: field.value(isPinnedObject, { needs: 'an object { bucket, key, versionId?, etag? }' }),
      alignments: field.value(
        (value): value is PinnedObject[] => Array.isArray(value) && value.every(isPinnedObject),
        { needs: 'a list of objects { bucket, key, versionId?, etag? }', default: [] },
      ),
      child: field.text(),
      father: field.text(),
      mother: field.text(),
      region: field.text(),
      /** ADAM tells by a name how a file is compressed. */
      byName: field.flag({ default: false }),
      output: field.folder(),
    },
  },
  (input, context) => check(input, context),
);

interface Input {
  genotypes: PinnedObject;
  alignments: PinnedObject[];
  child: string;
  father: string;
  mother: string;
  region: string;
  byName: boolean;
  output: string;
}

async function check(input: Input, context: TaskContext): Promise<TaskResult> {
  const region = parseRegion(input.region)!;
  const problems: string[] = [];
  const attempt = async <T>(work: () => T | Promise<T>): Promise<T | null> => {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof SluiceError) || !['BadData', 'ObjectGone'].includes(error.code)) throw error;
      problems.push(error.message);
      return null;
    }
  };
  const header = await attempt(() => checkGenotypes(input, region, context));
  const described: DescribedReads[] = [];
  for (const object of input.alignments) {
    const reads = await attempt(() => describeReads(object, context));
    if (reads !== null) described.push(reads);
  }
  const reads =
    problems.length === 0 ? ((await attempt(() => assign(described, input, region, header!))) ?? []) : [];
  if (problems.length > 0) throw new SluiceError('BadData', problems.join('\n'));
  const { bucket, key } = parseS3Uri(joinLocation(input.output, '_SUCCESS'))!;
  await context.s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }), {
    abortSignal: context.signal,
  });
  return { payload: { reads } satisfies CheckedTrio, measures: { alignments: reads.length } };
}

/** @throws SluiceError BadData, ObjectGone */
async function checkGenotypes(
  input: Input,
  region: Region,
  { s3, signal, report }: TaskContext,
): Promise<VcfHeader> {
  const uri = uriOf(input.genotypes);
  const open = () => openObject(s3, input.genotypes, signal);
  const header = await readHeader(await open(), uri);
  requireSamples(header, input, uri);
  const { compression, contigs } = header;
  if (input.byName && (compression === 'gzip') !== /\.(gz|bgz)$/.test(input.genotypes.key))
    throw new SluiceError(
      'BadData',
      `${uri}: ${compression === 'gzip' ? 'is gzip' : 'is not compressed'}, and ADAM goes by the name; call it ${compression === 'gzip' ? '….vcf.gz' : '….vcf'}, or take engine=duckdb`,
    );
  if (compression === 'gzip' && !(await endsWith(s3, input.genotypes, BGZF_END, signal))) {
    report({ reads: 'the whole file, since it has no mark of its end' });
    await exhaust(unpacked(await open(), compression, uri));
  }
  const names = Object.keys(contigs);
  const isThere =
    names.length > 0
      ? names.includes(region.contig)
      : await hasRecord(unpacked(await open(), compression, uri), region.contig);
  if (!isThere) {
    const other = names.find((name) => bareName(name) === bareName(region.contig));
    throw new SluiceError(
      'BadData',
      `${uri}: has no contig ${region.contig}; give a region of ${other === undefined ? `its contigs${names.length > 0 ? `: ${names.slice(0, 10).join(', ')}` : ''}` : `${other}, as it calls it`}`,
    );
  }
  const length = contigs[region.contig] ?? null;
  if (length !== null && region.start > length)
    throw new SluiceError(
      'BadData',
      `${uri}: the contig ${region.contig} ends at ${length}, and region=${input.region} begins behind it`,
    );
  return header;
}

interface DescribedReads {
  object: PinnedObject;
  index: string;
  contigs: Record<string, number>;
  samples: string[];
}

/** @throws SluiceError BadData, ObjectGone */
async function describeReads(object: PinnedObject, context: TaskContext): Promise<DescribedReads> {
  const { s3, signal } = context;
  const uri = uriOf(object);
  const index = await findIndex(s3, object, signal);
  if (!(await endsWith(s3, object, BGZF_END, signal)))
    throw new SluiceError(
      'BadData',
      `${uri}: is cut off, or no BAM: the mark of its end lacks; upload it again`,
    );
  const folder = await mkdtemp(join(tmpdir(), 'sluice-reads-'));
  try {
    const { contigs, samples } = await new ReadsFile(object, undefined, { ...context, folder }).describe();
    if (index === null)
      throw new SluiceError(
        'BadData',
        `${uri}: has no index beside it (${object.key}.bai); make it with "samtools index ${object.key.split('/').at(-1)}" and upload it`,
      );
    return { object, index, contigs, samples };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function findIndex(
  s3: S3Client,
  { bucket, key }: PinnedObject,
  signal: AbortSignal,
): Promise<string | null> {
  for (const name of [`${key}.bai`, key.replace(/\.bam$/, '.bai'), `${key}.csi`])
    if (name !== key && (await sizeOf(s3, { bucket, key: name }, signal)) !== null)
      return `s3://${bucket}/${name}`;
  return null;
}

/**
 * Which BAM is whose: by the sample of its read groups, else by a name of its own that has the sample's, else by the order
 * child, father, mother.
 * @throws SluiceError BadData
 */
function assign(
  described: DescribedReads[],
  { child, father, mother }: Input,
  region: Region,
  header: VcfHeader,
): SampleReads[] {
  const samples = [child, father, mother];
  const isOf = (reads: DescribedReads, sample: string) =>
    reads.samples.length > 0
      ? reads.samples.includes(sample)
      : reads.object.key.split('/').at(-1)!.includes(sample);
  const problems: string[] = [];
  const isNameless = described.every(
    (reads) => reads.samples.length === 0 && samples.every((sample) => !isOf(reads, sample)),
  );
  const found = samples.flatMap((sample, i): SampleReads[] => {
    if (described.length === 0) return [];
    const own = isNameless ? [described[i]!] : described.filter((reads) => isOf(reads, sample));
    if (own.length !== 1) {
      const seen = described.map(
        (reads) => `${uriOf(reads.object)} (${reads.samples.join(', ') || 'no sample named'})`,
      );
      problems.push(
        `${own.length === 0 ? 'No BAM is' : 'More than one BAM is'} of ${sample}: ${seen.join('; ')}; give one of each sample, with SM:${sample} in its @RG`,
      );
      return [];
    }
    const { object, index, contigs } = own[0]!;
    const contig =
      Object.keys(contigs).find((name) => name === region.contig) ??
      Object.keys(contigs).find((name) => bareName(name) === bareName(region.contig));
    if (contig === undefined) {
      problems.push(
        `${uriOf(object)}: has no contig ${region.contig}; give a region of its contigs: ${Object.keys(contigs).slice(0, 10).join(', ')}`,
      );
      return [];
    }
    const length = contigs[contig]!;
    const expected = header.contigs[region.contig] ?? null;
    if (expected !== null && expected !== length) {
      problems.push(
        `${uriOf(object)}: its contig ${contig} has ${length} bases, and that of the VCF ${expected}; give reads and genotypes of one reference genome`,
      );
      return [];
    }
    return [
      { sample, object, index, contig, start: region.start, end: Math.min(region.end ?? length, length) },
    ];
  });
  if (problems.length > 0) throw new SluiceError('BadData', problems.join('\n'));
  return found;
}

/** `chr17` and `17` are one. */
function bareName(contig: string): string {
  return contig.replace(/^chr/i, '');
}

async function openObject(
  s3: S3Client,
  { bucket: Bucket, key: Key, versionId: VersionId }: PinnedObject,
  abortSignal: AbortSignal,
  Range?: string,
): Promise<Readable> {
  try {
    const input = { Bucket, Key, ...(VersionId ? { VersionId } : {}), ...(Range ? { Range } : {}) };
    return (await s3.send(new GetObjectCommand(input), { abortSignal })).Body as Readable;
  } catch (error) {
    if ((error as Error).name !== 'NoSuchKey') throw error;
    throw new SluiceError(
      'ObjectGone',
      `s3://${Bucket}/${Key} is not there; upload it, or correct its name`,
      {
        cause: error,
      },
    );
  }
}

/** In bytes; null for an object that is not there. */
async function sizeOf(s3: S3Client, { bucket: Bucket, key: Key }: PinnedObject, abortSignal: AbortSignal) {
  try {
    return (await s3.send(new HeadObjectCommand({ Bucket, Key }), { abortSignal })).ContentLength ?? 0;
  } catch (error) {
    if (!['NotFound', 'NoSuchKey'].includes((error as Error).name)) throw error;
    return null;
  }
}

async function endsWith(
  s3: S3Client,
  object: PinnedObject,
  end: Buffer,
  signal: AbortSignal,
): Promise<boolean> {
  const size = await sizeOf(s3, object, signal);
  if (size === null || size < end.length) return false;
  const chunks: Buffer[] = [];
  const tail = await openObject(s3, object, signal, `bytes=${size - end.length}-${size - 1}`);
  for await (const chunk of tail as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).equals(end);
}

/**
 * The bytes of a file, unpacked.
 * @throws SluiceError BadData for a gzip that is cut off or broken
 */
async function* unpacked(
  bytes: Readable,
  compression: VcfHeader['compression'],
  uri: string,
): AsyncGenerator<Buffer> {
  const text = compression === 'gzip' ? bytes.pipe(createGunzip()) : bytes;
  if (text !== bytes) bytes.on('error', (error) => text.destroy(error));
  try {
    yield* text as AsyncIterable<Buffer>;
  } catch (error) {
    if (!/^Z_/.test((error as NodeJS.ErrnoException).code ?? '')) throw error;
    throw new SluiceError('BadData', `${uri}: its gzip is cut off or broken; upload it again`, {
      cause: error,
    });
  } finally {
    text.destroy();
    bytes.destroy();
  }
}

/** Reads it to its end. */
async function exhaust(bytes: AsyncIterable<Buffer>): Promise<void> {
  for await (const chunk of bytes) void chunk;
}

/** Whether a record is of the contig: where the header names none, the records have to say. */
async function hasRecord(bytes: AsyncIterable<Buffer>, contig: string): Promise<boolean> {
  let rest = '';
  let records = 0;
  for await (const chunk of bytes) {
    const lines = (rest + chunk.toString('latin1')).split('\n');
    rest = lines.pop()!;
    for (const line of lines) {
      if (line.startsWith('#')) continue;
      records++;
      if (line.startsWith(`${contig}\t`)) return true;
    }
  }
  // A file without any is an empty answer, not a wrong region.
  return rest.startsWith(`${contig}\t`) || records === 0;
}
