/** `s3://bucket/key` taken apart; `key` may be empty. Null when the text is no S3 URI. */
export function parseS3Uri(uri: string): { bucket: string; key: string } | null {
  // Bucket names: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
  const match = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/s.exec(uri);
  return match === null ? null : { bucket: match[1]!, key: match[2] ?? '' };
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

/** The workflow id of the `arrivals` workflow that remembers a source. */
export function arrivalsWorkflowId(source: Source): string {
  return `arrivals:s3://${source.bucket}/${source.prefix}`;
}

/** The source of a pattern such as `s3://lake/sales/*.csv`: the bucket and the folder before the first wildcard. */
export function sourceOf(pattern: string): Source | null {
  const uri = parseS3Uri(pattern);
  if (uri === null) return null;
  const literal = /^[^*?]*/.exec(uri.key)![0];
  return { bucket: uri.bucket, prefix: literal.slice(0, literal.lastIndexOf('/') + 1) };
}

/** Every source that an object could belong to: the bucket, and each folder above the key. */
export function sourcesAbove(bucket: string, key: string): Source[] {
  const sources: Source[] = [{ bucket, prefix: '' }];
  for (let slash = key.indexOf('/'); slash !== -1; slash = key.indexOf('/', slash + 1)) {
    sources.push({ bucket, prefix: key.slice(0, slash + 1) });
  }
  return sources;
}
