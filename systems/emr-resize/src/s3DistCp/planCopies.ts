import { field, SluiceError } from 'sluice/workflow';

export const CODECS = ['keep', 'none', 'gzip'] as const;

/** What `s3-dist-cp` is asked for, by the names of its options. */
export interface CopyRequest {
  /** A folder of S3. */
  src: string;
  dest: string;
  /** A regular expression that the whole location of an object must match. */
  srcPattern?: string | undefined;
  /** The same, with groups: objects whose groups have the same text become one. */
  groupBy?: string | undefined;
  /** MiB from which on a joined object is followed by another. */
  targetSize?: number | undefined;
  outputCodec: (typeof CODECS)[number];
  deleteOnSuccess: boolean;
}

/** The options as fields of a pipeline or task. */
export const COPY_FIELDS = {
  src: field.folder({ about: 'where the objects are' }),
  dest: field.folder({ about: 'where they go' }),
  srcPattern: field.text({
    about: 'a regular expression that the whole location of an object matches',
    optional: true,
  }),
  groupBy: field.text({
    about: 'a regular expression with groups: objects with the same text in them are joined',
    optional: true,
  }),
  targetSize: field.integer({ about: 'MiB of a joined object', least: 1, optional: true }),
  outputCodec: field.choice(CODECS, { about: 'what outputs are compressed by', default: 'keep' }),
  deleteOnSuccess: field.flag({ about: 'delete the sources once all outputs are there', default: false }),
};

/** What is wrong between the options, one line each. */
export function findCopyProblems({ src, dest, groupBy, targetSize }: CopyRequest): string[] {
  const slashed = (folder: string) => `${folder.replace(/\/+$/, '')}/`;
  return [
    ...(slashed(dest).startsWith(slashed(src)) || slashed(src).startsWith(slashed(dest))
      ? ['dest: is src, or one is in the other; give another folder']
      : []),
    ...(targetSize !== undefined && groupBy === undefined
      ? ['targetSize: only of joined objects; give groupBy']
      : []),
  ];
}

export interface SourceObject {
  key: string;
  size: number;
  etag: string;
}

export interface PlannedOutput {
  /** Below the destination. */
  name: string;
  sources: SourceObject[];
  /** What happens to the bytes of a source. */
  work: 'as they are' | 'gzip' | 'gunzip';
}

const MEBIBYTE = 1024 * 1024;
/** Formats that end in a table of their own parts: joined bytes are a broken file. */
const CONTAINERS = /\.(parquet|parq|orc|avro)(\.\w+)?$/i;
/** Compressed formats of which a file may follow another. */
const JOINABLE = ['', '.gz', '.bz2'];
const COMPRESSED = /\.(gz|bz2|lzo|snappy|zst|lz4|deflate|xz|zip)$/i;

/** Where joined Parquet is to be had instead. */
export const USE_COMPACT = 'start the pipeline compact, which joins them by DuckDB COPY';

/**
 * Which objects become which: pure, and the same for the same objects in any order. As the real tool does it, an object is
 * never split, so a joined one is at least `targetSize` but for the last of its group.
 * @param folder the source's location, ending in `/`; keys are below it
 * @throws SluiceError InvalidJob for a pattern that is none, objects that cannot be joined, or names that meet
 */
export function planCopies(
  objects: readonly SourceObject[],
  folder: string,
  request: CopyRequest,
): PlannedOutput[] {
  const { srcPattern, groupBy, targetSize, outputCodec } = request;
  const wanted = toPattern('srcPattern', srcPattern);
  const grouping = toPattern('groupBy', groupBy);
  if (groupBy !== undefined && new RegExp(`${groupBy}|`).exec('')!.length < 2)
    throw new SluiceError(
      'InvalidJob',
      `groupBy: ${groupBy} has no group; put what objects share into parentheses`,
    );
  const groups = new Map<string, SourceObject[]>();
  for (const object of [...objects].sort((a, b) => (a.key < b.key ? -1 : 1))) {
    const location = folder + object.key;
    if (wanted !== null && !wanted.test(location)) continue;
    if (grouping === null) {
      groups.set(object.key, [object]);
      continue;
    }
    const match = grouping.exec(location);
    if (match === null) continue;
    const name = match
      .slice(1)
      .map((text) => text ?? '')
      .join('')
      .replace(/^\/+/, '');
    if (name === '' || name.endsWith('/'))
      throw new SluiceError(
        'InvalidJob',
        `groupBy: the groups of ${location} make "${name}", which is no name`,
      );
    groups.set(name, [...(groups.get(name) ?? []), object]);
  }
  const outputs = [...groups].flatMap(([name, sources]) =>
    outputsOf(name, sources, { joins: grouping !== null, targetSize, outputCodec }),
  );
  refuseSameNames(outputs);
  return outputs;
}

/** @throws SluiceError InvalidJob */
function toPattern(option: string, pattern: string | undefined): RegExp | null {
  if (pattern === undefined) return null;
  try {
    return new RegExp(`^(?:${pattern})$`, 's');
  } catch (cause) {
    throw new SluiceError('InvalidJob', `${option}: ${(cause as Error).message}`, { cause });
  }
}

function outputsOf(
  name: string,
  sources: SourceObject[],
  {
    joins,
    targetSize,
    outputCodec,
  }: { joins: boolean; targetSize: number | undefined; outputCodec: CopyRequest['outputCodec'] },
): PlannedOutput[] {
  const container = sources.find(({ key }) => CONTAINERS.test(key));
  if (container !== undefined && (joins || outputCodec !== 'keep'))
    throw new SluiceError(
      'InvalidJob',
      `${container.key}: files of this format cannot be joined or compressed by their bytes; ${USE_COMPACT}`,
    );
  const endings = [...new Set(sources.map(({ key }) => COMPRESSED.exec(key)?.[0].toLowerCase() ?? ''))];
  const refuse = (why: string) => new SluiceError('InvalidJob', `${name}: ${why}`);
  if (outputCodec === 'keep') {
    if (joins && endings.length > 1)
      throw refuse(
        `its objects are ${endings.map((ending) => ending || 'plain').join(' and ')}; give outputCodec`,
      );
    if (joins && !JOINABLE.includes(endings[0]!))
      throw refuse(`files that end in ${endings[0]} cannot follow one another; give outputCodec`);
  } else {
    const unread = endings.find((ending) => ending !== '' && ending !== '.gz');
    if (unread !== undefined) throw refuse(`${unread} is not read here; only plain files and .gz are`);
  }
  const ending = outputCodec === 'keep' ? endings[0]! : outputCodec === 'gzip' ? '.gz' : '';
  const stem = name.toLowerCase().endsWith('.gz') && outputCodec !== 'keep' ? name.slice(0, -3) : name;
  const parts = joins ? splitBySize(sources, targetSize) : [sources];
  return parts.map((part, i) => {
    const number = parts.length > 1 ? String(i) : '';
    const kept = stem.toLowerCase().endsWith(ending) ? stem.slice(0, stem.length - ending.length) : stem;
    return { name: `${kept}${number}${ending}`, sources: part, work: workOn(endings, outputCodec) };
  });
}

/** Of mixed sources, those that are compressed already are told apart when they are read. */
function workOn(endings: string[], outputCodec: CopyRequest['outputCodec']): PlannedOutput['work'] {
  if (outputCodec === 'keep') return 'as they are';
  if (outputCodec === 'gzip') return endings.every((ending) => ending === '.gz') ? 'as they are' : 'gzip';
  return endings.every((ending) => ending === '') ? 'as they are' : 'gunzip';
}

function splitBySize(sources: SourceObject[], targetSize: number | undefined): SourceObject[][] {
  if (targetSize === undefined) return [sources];
  const parts: SourceObject[][] = [];
  let bytes = Infinity;
  for (const source of sources) {
    if (bytes >= targetSize * MEBIBYTE) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)!.push(source);
    bytes += source.size;
  }
  return parts;
}

function refuseSameNames(outputs: PlannedOutput[]): void {
  const seen = new Set<string>();
  for (const { name } of outputs) {
    if (seen.has(name))
      throw new SluiceError('InvalidJob', `two groups would both be written to ${name}; change groupBy`);
    seen.add(name);
  }
}

/** The same as a step of a cluster: https://docs.aws.amazon.com/emr/latest/ReleaseGuide/UsingEMR_s3distcp.html */
export function toStepArguments(request: CopyRequest): string[] {
  const { src, dest, srcPattern, groupBy, targetSize, outputCodec, deleteOnSuccess } = request;
  return [
    's3-dist-cp',
    `--src=${src}`,
    `--dest=${dest}`,
    ...(srcPattern === undefined ? [] : [`--srcPattern=${srcPattern}`]),
    ...(groupBy === undefined ? [] : [`--groupBy=${groupBy}`]),
    ...(targetSize === undefined ? [] : [`--targetSize=${targetSize}`]),
    ...(outputCodec === 'keep' ? [] : [`--outputCodec=${outputCodec}`]),
    ...(deleteOnSuccess ? ['--deleteOnSuccess'] : []),
  ];
}
