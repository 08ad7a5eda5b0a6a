/** Objects above what one call to S3 takes, on a double that knows S3's limits and counts: no byte of theirs is anywhere. */
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { copyObject } from '../../../src/lake/copyObject';
import { publishOutput } from '../../../src/lake/lakeFiles';
import { partBytesOf } from '../../../src/lake/multipartUpload';
import { testLong } from '../../support/long';

const MIB = 1024 ** 2;
/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
const S3 = {
  mostPutBytes: 5 * 1024 ** 3,
  leastPartBytes: 5 * MIB,
  mostParts: 10_000,
  mostBytes: 5 * 1024 ** 4,
};
const { signal } = new AbortController();

interface Input {
  Key: string;
  Body?: Uint8Array | string;
  UploadId?: string;
  PartNumber?: number;
  CopySourceRange?: string;
  MultipartUpload?: { Parts: { PartNumber: number; ETag: string }[] };
}

/** Takes what S3 would take, and keeps sizes alone. */
class CountingS3 extends S3Client {
  readonly objects = new Map<string, number>();
  /** What each part of the upload that goes on has. */
  readonly parts: number[] = [];
  private next = 0;

  override send = ((command: { constructor: { name: string }; input: Input }) => {
    const { input, constructor } = command;
    return Promise.resolve(this.answer(constructor.name, input));
  }) as unknown as S3Client['send'];

  private answer(name: string, input: Input): object {
    const { Key, Body = '', PartNumber } = input;
    switch (name) {
      case 'ListObjectsV2Command':
      case 'ListMultipartUploadsCommand':
        return {};
      case 'PutObjectCommand':
        expect(Body.length).toBeLessThanOrEqual(S3.mostPutBytes);
        this.objects.set(Key, Body.length);
        return { ETag: '"whole"' };
      case 'CreateMultipartUploadCommand':
        this.parts.length = 0;
        return { UploadId: 'u' };
      case 'UploadPartCommand':
        this.addPart(PartNumber!, Body.length);
        return { ETag: `"${PartNumber}"` };
      case 'UploadPartCopyCommand': {
        const [first = NaN, last = NaN] = input.CopySourceRange!.replace('bytes=', '').split('-').map(Number);
        expect(first).toBe(this.next);
        this.addPart(PartNumber!, last + 1 - first);
        return { CopyPartResult: { ETag: `"${PartNumber}"` } };
      }
      case 'CompleteMultipartUploadCommand': {
        const { Parts } = input.MultipartUpload!;
        expect(Parts).toEqual(this.parts.map((_, i) => ({ PartNumber: i + 1, ETag: `"${i + 1}"` })));
        const tooSmall = this.parts.slice(0, -1).filter((bytes) => bytes < S3.leastPartBytes);
        expect(tooSmall).toEqual([]);
        this.objects.set(
          Key,
          this.parts.reduce((sum, bytes) => sum + bytes, 0),
        );
        return { ETag: '"whole"' };
      }
      default:
        throw new Error(`${name} is not known here`);
    }
  }

  private addPart(number: number, bytes: number): void {
    expect(number).toBe(this.parts.length + 1);
    expect(number).toBeLessThanOrEqual(S3.mostParts);
    expect(bytes).toBeLessThanOrEqual(S3.mostPutBytes);
    this.next = number === 1 ? bytes : this.next + bytes;
    this.parts.push(bytes);
  }
}

let folder: string;
let s3: CountingS3;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-test-large-'));
});
beforeEach(() => (s3 = new CountingS3({ region: 'us-east-1' })));
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A file of so many bytes that takes no room. */
async function sparseFile(bytes: number): Promise<string> {
  const path = join(folder, String(bytes));
  await writeFile(path, '');
  const file = await open(path, 'r+');
  await file.truncate(bytes);
  await file.close();
  return path;
}

const publish = async (bytes: number) =>
  publishOutput(s3, await sparseFile(bytes), 's3://lake/out/', 'part-00000.csv', signal);

test.each([0, 1, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 65 * MIB])(
  'a file of %i bytes is published whole, in parts that S3 takes',
  async (bytes) => {
    await publish(bytes);
    expect(s3.objects.get('out/part-00000.csv')).toBe(bytes);
    expect([...s3.objects.keys()].at(-1)).toBe('out/_SUCCESS');
  },
);

testLong(
  'a file above the 5 GiB of one PUT is published whole, in parts that S3 takes',
  async () => {
    const bytes = S3.mostPutBytes + 1;
    await publish(bytes);
    expect(s3.objects.get('out/part-00000.csv')).toBe(bytes);
    expect(s3.parts.length).toBeGreaterThan(600);
  },
  600_000,
);

test('as many parts as S3 takes hold the largest object that it takes, and none is too large', () => {
  const parts = Array.from({ length: S3.mostParts }, (_, sent) => partBytesOf(sent));
  expect(parts.reduce((sum, bytes) => sum + bytes, 0)).toBeGreaterThan(S3.mostBytes);
  expect(Math.max(...parts)).toBeLessThanOrEqual(S3.mostPutBytes);
});

test.each([1, 5_000_000_000, 5_000_000_001, 12_345_678_901, S3.mostBytes])(
  'an object of %i bytes is copied whole, in calls that S3 takes',
  async (bytes) => {
    const to = { bucket: 'lake', key: 'copy' };
    const copied: string[] = [];
    const send = s3.send.bind(s3) as (command: unknown) => Promise<unknown>;
    s3.send = (command: { constructor: { name: string } }) => {
      copied.push(command.constructor.name);
      return command.constructor.name === 'CopyObjectCommand' ? Promise.resolve({}) : send(command);
    };
    await copyObject(s3, { from: { bucket: 'lake', key: 'large' }, to, bytes }, { signal });
    if (bytes <= 5_000_000_000) expect(copied).toEqual(['CopyObjectCommand']);
    else expect(s3.objects.get('copy')).toBe(bytes);
  },
);
