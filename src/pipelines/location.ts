/** `s3://bucket/key` taken apart; `key` may be empty. Null when the text is no S3 URI. */
export function parseS3Uri(uri: string): { bucket: string; key: string } | null {
  // Bucket names: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
  const match = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/s.exec(uri);
  return match === null ? null : { bucket: match[1]!, key: match[2] ?? '' };
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html */
const MAX_KEY_BYTES = 1_024;
/** What an engine's names of files, and what Sluice writes beside a folder, may take below it. */
const MAX_NAME_BYTES = 124;

/** Whether S3 has keys so long. */
export function isKeyLength(key: string): boolean {
  return bytesOf(key) <= MAX_KEY_BYTES;
}

/** Whether S3 has keys so long for what is written into a folder. */
export function isFolderLength(prefix: string): boolean {
  return bytesOf(prefix) <= MAX_KEY_BYTES - MAX_NAME_BYTES;
}

/** What `isObjectPattern` takes, for messages. */
export const OBJECT_PATTERN_NEEDS =
  'an S3 URI with or without wildcards, such as s3://lake/sales/*.csv; the objects of a folder are s3://lake/sales/*';

/** Whether objects can fit a pattern: a bucket or a folder is none. */
export function isObjectPattern(pattern: string): boolean {
  const key = parseS3Uri(pattern)?.key ?? '';
  return /[^/]$/.test(key) && isKeyLength(key);
}

/** The ARN of an SNS topic. */
export const TOPIC_ARN = /^arn:aws(-[a-z]+)*:sns:[a-z0-9-]{1,40}:\d{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?$/;

/** One location from parts: `joinLocation('s3://lake/', 'a', '/b')` is `s3://lake/a/b`. */
export function joinLocation(base: string, ...parts: string[]): string {
  return [base, ...parts]
    .map((part, i) => (i === 0 ? part : part.replace(/^\/+/, '')).replace(/\/+$/, ''))
    .join('/');
}

/** A folder's location from parts: it ends in one slash. */
export function joinFolder(base: string, ...parts: string[]): string {
  return `${joinLocation(base, ...parts)}/`;
}

/** The folder that an object is in: of `s3://lake/a/b.csv` it is `s3://lake/a/`. */
export function parentFolder(object: string): string {
  return object.slice(0, object.lastIndexOf('/') + 1);
}

/** An S3 bucket and prefix on which pipelines wait; the prefix is empty or ends in `/`. */
export interface Source {
  bucket: string;
  prefix: string;
}

/**
 * An id of Temporal's has at most 1,000 bytes, and a folder's name may have 1,024: what lies deeper belongs to the source
 * above it.
 */
const MAX_PREFIX_BYTES = 900;

/** The workflow id of the `arrivals` workflow that remembers a source. */
export function arrivalsWorkflowId(source: Source): string {
  return `arrivals:s3://${source.bucket}/${source.prefix}`;
}

/** The source of a pattern such as `s3://lake/sales/*.csv`: the bucket and the folder before the first wildcard. */
export function sourceOf(pattern: string): Source | null {
  const uri = parseS3Uri(pattern);
  if (uri === null) return null;
  const literal = /^[^*?]*/.exec(uri.key)![0];
  return sourcesAbove(uri.bucket, literal).at(-1)!;
}

/** Every source that an object could belong to: the bucket, and each folder above the key whose name is not too long. */
export function sourcesAbove(bucket: string, key: string): Source[] {
  const sources: Source[] = [{ bucket, prefix: '' }];
  for (let slash = key.indexOf('/'); slash !== -1; slash = key.indexOf('/', slash + 1)) {
    const prefix = key.slice(0, slash + 1);
    if (bytesOf(prefix) > MAX_PREFIX_BYTES) break;
    sources.push({ bucket, prefix });
  }
  return sources;
}

/** The bytes of a text in UTF-8. */
function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}
