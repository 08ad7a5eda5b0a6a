import { createHash, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { S3Client } from '@aws-sdk/client-s3';

/** An object; one that is only said to be there, of some size, has no bytes. */
interface StoredObject {
  bytes: Buffer | null;
  size: number;
  etag: string;
  modified: Date;
  headers: Record<string, string>;
}

interface Upload {
  bucket: string;
  key: string;
  parts: Map<number, Buffer>;
  headers: Record<string, string>;
  initiated: Date;
}

/** The parts of the SDK's own request that are looked at. */
interface Request {
  method: string;
  /** `/bucket/key`, with the key's parts encoded. */
  path: string;
  query: Record<string, string | string[] | null>;
  headers: Record<string, string>;
  body?: unknown;
}

interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: Buffer | string;
}

class S3Error extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** What S3 answers with while it refuses requests, by its error code: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
const REFUSALS = { SlowDown: 503, InternalError: 500, ExpiredToken: 400, AccessDenied: 403 };
export type S3Refusal = keyof typeof REFUSALS;

const PAGE = 1_000;
/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
const MIN_PART_BYTES = 5 * 1024 * 1024;
/** What a request may say; everything else is refused, so that a test never relies on what is not done. */
const QUERY = new Set([
  ...['x-id', 'list-type', 'prefix', 'start-after', 'continuation-token', 'max-keys', 'versionId'],
  ...['uploads', 'uploadId', 'partNumber'],
]);
const CONDITIONS = ['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since'];

/**
 * S3 in memory, behind a client of the SDK whose requests never leave the process. It knows the verbs that Sluice uses and
 * refuses all others; buckets have no versions.
 */
export class S3Double {
  readonly client: S3Client;
  private readonly buckets = new Map<string, Map<string, StoredObject>>();
  private readonly uploads = new Map<string, Upload>();
  private refusal: { code: S3Refusal; of: 'all' | 'writes' } | null = null;

  /** @param now the time that objects are written at, in milliseconds since 1970 */
  constructor(
    buckets: readonly string[],
    private readonly now: () => number,
  ) {
    for (const bucket of buckets) this.buckets.set(bucket, new Map());
    this.client = new S3Client({
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      maxAttempts: 1,
      requestHandler: {
        handle: async (request: unknown) => ({ response: await this.respond(request as Request) }),
      } as never,
    });
  }

  /** Puts an object; a number instead of its bytes says how large it is, and it cannot be read. */
  put(bucket: string, key: string, content: Buffer | number, modified = new Date(this.now())): StoredObject {
    const bytes = typeof content === 'number' ? null : content;
    const object: StoredObject = {
      bytes,
      size: bytes === null ? Number(content) : bytes.length,
      etag: md5(bytes ?? `${key} ${modified.getTime()} ${Number(content)}`),
      // S3 keeps whole seconds.
      modified: new Date(Math.floor(modified.getTime() / 1000) * 1000),
      headers: {},
    };
    this.objectsOf(bucket).set(key, object);
    return object;
  }

  /** The content of an object, or null when it is not there. */
  get(bucket: string, key: string): Buffer | null {
    return this.buckets.get(bucket)?.get(key)?.bytes ?? null;
  }

  /** Refuses all requests, or those that write, until it is told null. */
  refuse(code: S3Refusal | null, of: 'all' | 'writes'): void {
    this.refusal = code === null ? null : { code, of };
  }

  private async respond(request: Request): Promise<unknown> {
    const answer = await this.answer(request).catch((error: unknown): Answer => {
      if (!(error instanceof S3Error)) throw error;
      const { status, code, message } = error;
      const body = xml('Error', { Code: code, Message: message, RequestId: 'test' });
      return { status, ...(request.method === 'HEAD' ? {} : { body }) };
    });
    const body = Buffer.from(answer.body ?? '');
    const headers = { 'content-length': String(body.length), ...answer.headers };
    return { statusCode: answer.status, headers, body: Readable.from(body.length > 0 ? [body] : []) };
  }

  private async answer(request: Request): Promise<Answer> {
    const { refusal } = this;
    if (refusal && (refusal.of === 'all' || !['GET', 'HEAD'].includes(request.method)))
      throw new S3Error(REFUSALS[refusal.code], refusal.code, 'S3 was told to refuse this');
    const { method, path, query, headers } = request;
    const [, bucket = '', ...parts] = path.split('/');
    const key = decodeURIComponent(parts.join('/'));
    const unknown = Object.keys(query).filter((name) => !QUERY.has(name));
    if (unknown.length > 0) throw notImplemented(`${method} with ${unknown.join(', ')}`);
    if (query['versionId'] !== undefined)
      throw new S3Error(404, 'NoSuchVersion', 'The bucket has no versions');
    const objects = this.objectsOf(bucket);
    if (key === '') {
      if (method === 'HEAD') return { status: 200 };
      if (method === 'GET' && query['list-type'] === '2') return list(bucket, objects, query);
      if (method === 'GET' && 'uploads' in query) return this.listUploads(bucket, query);
      throw notImplemented(`${method} of a bucket`);
    }
    if ('uploads' in query || 'uploadId' in query) return this.uploadPart(bucket, key, request);
    switch (method) {
      case 'HEAD':
      case 'GET':
        return read(key, objects.get(key), request);
      case 'PUT': {
        const copied = headers['x-amz-copy-source'];
        checkConditions(objects.get(key), headers, ['if-match', 'if-none-match']);
        const stored =
          copied === undefined
            ? this.put(bucket, key, await bytesOf(request))
            : this.put(bucket, key, this.source(copied));
        stored.headers = keptHeaders(headers);
        return copied === undefined
          ? { status: 200, headers: { etag: `"${stored.etag}"` } }
          : {
              status: 200,
              body: xml('CopyObjectResult', {
                ETag: `"${stored.etag}"`,
                LastModified: stored.modified.toISOString(),
              }),
            };
      }
      case 'DELETE':
        objects.delete(key);
        return { status: 204 };
      default:
        throw notImplemented(`${method} of an object`);
    }
  }

  private source(copied: string): Buffer {
    const [bucket = '', ...parts] = decodeURIComponent(copied).replace(/^\//, '').split('/');
    const object = this.objectsOf(bucket).get(parts.join('/'));
    if (!object?.bytes) throw noSuchKey(parts.join('/'));
    return object.bytes;
  }

  private async uploadPart(bucket: string, key: string, request: Request): Promise<Answer> {
    const { method, query, headers } = request;
    if (method === 'POST' && 'uploads' in query) {
      const id = randomUUID();
      const upload = { bucket, key, parts: new Map<number, Buffer>(), headers: keptHeaders(headers) };
      this.uploads.set(id, { ...upload, initiated: new Date(this.now()) });
      return {
        status: 200,
        body: xml('InitiateMultipartUploadResult', { Bucket: bucket, Key: key, UploadId: id }),
      };
    }
    const id = String(query['uploadId']);
    const upload = this.uploads.get(id);
    if (upload?.bucket !== bucket || upload.key !== key)
      throw new S3Error(404, 'NoSuchUpload', `There is no upload ${id} of ${key}`);
    if (method === 'PUT') {
      const bytes = await bytesOf(request);
      upload.parts.set(Number(query['partNumber']), bytes);
      return { status: 200, headers: { etag: `"${md5(bytes)}"` } };
    }
    if (method === 'DELETE') {
      this.uploads.delete(id);
      return { status: 204 };
    }
    if (method !== 'POST') throw notImplemented(`${method} of an upload`);
    const named = [...(await bytesOf(request)).toString().matchAll(/<Part>(.*?)<\/Part>/gs)].map(
      ([, part]) => ({
        number: Number(/<PartNumber>(\d+)</.exec(part!)?.[1]),
        etag: /<ETag>(?:&quot;|")?([0-9a-f]+)/.exec(part!)?.[1],
      }),
    );
    const parts = named.map(({ number, etag }) => {
      const bytes = upload.parts.get(number);
      if (bytes === undefined || md5(bytes) !== etag)
        throw new S3Error(400, 'InvalidPart', `Part ${number} of ${key} is not as it was uploaded`);
      return bytes;
    });
    if (parts.slice(0, -1).some((part) => part.length < MIN_PART_BYTES))
      throw new S3Error(400, 'EntityTooSmall', 'Every part but the last has 5 MiB at least');
    checkConditions(this.objectsOf(bucket).get(key), headers, ['if-match', 'if-none-match']);
    this.uploads.delete(id);
    const stored = this.put(bucket, key, Buffer.concat(parts));
    stored.headers = upload.headers;
    const digests = Buffer.concat(parts.map((part) => createHash('md5').update(part).digest()));
    stored.etag = `${md5(digests)}-${parts.length}`;
    const result = { Bucket: bucket, Key: key, ETag: `"${stored.etag}"` };
    return { status: 200, body: xml('CompleteMultipartUploadResult', result) };
  }

  private listUploads(bucket: string, query: Request['query']): Answer {
    const prefix = String(query['prefix'] ?? '');
    const uploads = [...this.uploads]
      .filter(([, upload]) => upload.bucket === bucket && upload.key.startsWith(prefix))
      .map(([UploadId, { key, initiated }]) => ({ Key: key, UploadId, Initiated: initiated.toISOString() }));
    const listed = uploads.map((upload) => xml('Upload', upload)).join('');
    return {
      status: 200,
      body: xml('ListMultipartUploadsResult', { Bucket: bucket, IsTruncated: 'false' }, listed),
    };
  }

  private objectsOf(bucket: string): Map<string, StoredObject> {
    const objects = this.buckets.get(bucket);
    if (objects === undefined) throw new S3Error(404, 'NoSuchBucket', `The bucket ${bucket} does not exist`);
    return objects;
  }
}

function list(bucket: string, objects: Map<string, StoredObject>, query: Request['query']): Answer {
  const prefix = String(query['prefix'] ?? '');
  const after = String(query['continuation-token'] ?? query['start-after'] ?? '');
  const most = Math.min(PAGE, Number(query['max-keys'] ?? PAGE));
  const keys = [...objects.keys()]
    .filter((key) => key.startsWith(prefix) && compareBytes(key, after) > 0)
    .sort(compareBytes);
  const page = keys.slice(0, most);
  const contents = page.map((key) => {
    const { etag, size, modified } = objects.get(key)!;
    return xml('Contents', {
      Key: key,
      LastModified: modified.toISOString(),
      ETag: `"${etag}"`,
      Size: String(size),
      StorageClass: 'STANDARD',
    });
  });
  const truncated = keys.length > page.length;
  const fields = {
    Name: bucket,
    Prefix: prefix,
    KeyCount: String(page.length),
    MaxKeys: String(most),
    IsTruncated: String(truncated),
    ...(truncated ? { NextContinuationToken: page.at(-1)! } : {}),
  };
  return { status: 200, body: xml('ListBucketResult', fields, contents.join('')) };
}

function read(key: string, object: StoredObject | undefined, { method, headers }: Request): Answer {
  if (object === undefined) throw noSuchKey(key);
  checkConditions(object, headers, ['if-match']);
  const described = {
    ...object.headers,
    etag: `"${object.etag}"`,
    'last-modified': object.modified.toUTCString(),
    'accept-ranges': 'bytes',
  };
  if (method === 'HEAD')
    return { status: 200, headers: { ...described, 'content-length': String(object.size) } };
  if (object.bytes === null) throw notImplemented(`GET of ${key}, which has a size and no content`);
  const range = headers['range'];
  if (range === undefined) return { status: 200, headers: described, body: object.bytes };
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(range) ?? [];
  if (first === undefined) throw notImplemented(`GET with the range ${range}`);
  if (Number(first) >= object.size)
    throw new S3Error(416, 'InvalidRange', `${range} is past the end of ${key}`);
  const end = last ? Math.min(Number(last), object.size - 1) : object.size - 1;
  return {
    status: 206,
    headers: { ...described, 'content-range': `bytes ${first}-${end}/${object.size}` },
    body: object.bytes.subarray(Number(first), end + 1),
  };
}

function checkConditions(
  object: StoredObject | undefined,
  headers: Record<string, string>,
  known: readonly string[],
): void {
  const unknown = CONDITIONS.filter((name) => name in headers && !known.includes(name));
  if (unknown.length > 0) throw notImplemented(`the condition ${unknown.join(', ')}`);
  const failed = new S3Error(412, 'PreconditionFailed', 'At least one of the preconditions did not hold');
  const match = headers['if-match'];
  if (match !== undefined && match.replaceAll('"', '') !== object?.etag) throw failed;
  const noneMatch = headers['if-none-match'];
  if (noneMatch !== undefined && noneMatch !== '*') throw notImplemented(`If-None-Match: ${noneMatch}`);
  if (noneMatch === '*' && object !== undefined) throw failed;
}

function keptHeaders(headers: Record<string, string>): Record<string, string> {
  const kept = /^(content-type|content-encoding|x-amz-meta-.*)$/;
  return Object.fromEntries(Object.entries(headers).filter(([name]) => kept.test(name.toLowerCase())));
}

async function bytesOf({ body }: Request): Promise<Buffer> {
  if (body === undefined || body === null) return Buffer.alloc(0);
  return typeof body === 'string' || body instanceof Uint8Array
    ? Buffer.from(body as Uint8Array)
    : buffer(body as Readable);
}

function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function md5(content: string | Buffer): string {
  return createHash('md5').update(content).digest('hex');
}

function noSuchKey(key: string): S3Error {
  return new S3Error(404, 'NoSuchKey', `The key ${key} does not exist`);
}

function notImplemented(what: string): S3Error {
  return new S3Error(501, 'NotImplemented', `The S3 of the test stack does not do this: ${what}`);
}

function xml(name: string, fields: Record<string, string>, inner = ''): string {
  const escape = (text: string) =>
    text.replace(/[&<>"\r\n]/g, (character) => `&#${character.charCodeAt(0)};`);
  const members = Object.entries(fields).map(([field, value]) => `<${field}>${escape(value)}</${field}>`);
  return `<${name}>${members.join('')}${inner}</${name}>`;
}
