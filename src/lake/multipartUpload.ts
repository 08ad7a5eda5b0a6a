import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
  UploadPartCommand,
  type CompletedPart,
  type S3Client,
} from '@aws-sdk/client-s3';

/** S3 takes 5 MiB to 5 GiB a part, and 10,000 parts: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
const PART_BYTES = 8 * 1024 * 1024;
const PARTS_BEFORE_GROWTH = 1000;

/** The size of the part that comes after so many: they grow, so that 10,000 of them hold the largest object. */
export function partBytesOf(sent: number): number {
  return PART_BYTES * 2 ** Math.floor(sent / PARTS_BEFORE_GROWTH);
}

export interface UploadTarget {
  bucket: string;
  key: string;
  metadata?: Record<string, string>;
  contentType?: string;
}

/**
 * Writes one object of any size with two parts in memory. The object is there only after `finish`; until then its
 * earlier content is. One that fits into a part is a plain PUT.
 */
export class MultipartUpload {
  size = 0;
  private part = Buffer.allocUnsafe(64 * 1024);
  private filled = 0;
  private uploadId: string | null = null;
  private parts: CompletedPart[] = [];
  /** The part that is on its way while the next one fills. */
  private sending: Promise<void> = Promise.resolve();

  constructor(
    private readonly s3: S3Client,
    private readonly target: UploadTarget,
    private readonly signal: AbortSignal,
  ) {}

  /** Takes a copy of the bytes. */
  async write(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      this.makeRoom(bytes.length - at);
      const copied = bytes.copy(this.part, this.filled, at);
      this.filled += copied;
      at += copied;
      if (this.filled === this.partBytes) await this.sendPart();
    }
    this.size += bytes.length;
  }

  /** Makes the object visible. @returns its etag, without quotes */
  async finish(): Promise<string> {
    const { s3, signal } = this;
    if (this.uploadId === null) {
      const { ETag } = await s3.send(
        new PutObjectCommand({
          ...this.names(),
          ...this.headers(),
          Body: this.part.subarray(0, this.filled),
        }),
        { abortSignal: signal },
      );
      return unquoted(ETag);
    }
    if (this.filled > 0) await this.sendPart();
    await this.sending;
    const { ETag } = await s3.send(
      new CompleteMultipartUploadCommand({
        ...this.names(),
        UploadId: this.uploadId,
        MultipartUpload: { Parts: this.parts },
      }),
      { abortSignal: signal },
    );
    this.uploadId = null;
    return unquoted(ETag);
  }

  /** Removes the parts; after `finish` it does nothing. */
  async abort(): Promise<void> {
    await this.sending.catch(() => {});
    if (this.uploadId === null) return;
    await this.s3.send(new AbortMultipartUploadCommand({ ...this.names(), UploadId: this.uploadId }));
    this.uploadId = null;
  }

  private async sendPart(): Promise<void> {
    const { s3, signal } = this;
    if (this.uploadId === null) {
      await this.abortEarlier();
      const created = await s3.send(
        new CreateMultipartUploadCommand({ ...this.names(), ...this.headers() }),
        {
          abortSignal: signal,
        },
      );
      this.uploadId = created.UploadId!;
    }
    await this.sending;
    const PartNumber = this.parts.length + 1;
    const part: CompletedPart = { PartNumber };
    this.parts.push(part);
    const Body = this.part.subarray(0, this.filled);
    this.sending = s3
      .send(new UploadPartCommand({ ...this.names(), UploadId: this.uploadId, PartNumber, Body }), {
        abortSignal: signal,
      })
      .then(({ ETag }) => void (part.ETag = ETag));
    // The next `await` throws it; until then it is no unhandled rejection.
    this.sending.catch(() => {});
    this.part = Buffer.allocUnsafe(this.partBytes);
    this.filled = 0;
  }

  /** What a worker that died left of the same object: its parts cost, and nobody sees them. */
  private async abortEarlier(): Promise<void> {
    const { bucket, key } = this.target;
    const { Uploads = [] } = await this.s3.send(
      new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: key }),
      { abortSignal: this.signal },
    );
    for (const { Key, UploadId } of Uploads) {
      if (Key === key) await this.s3.send(new AbortMultipartUploadCommand({ ...this.names(), UploadId }));
    }
  }

  private makeRoom(more: number): void {
    const wanted = Math.min(this.partBytes, this.filled + more);
    if (wanted <= this.part.length) return;
    const larger = Buffer.allocUnsafe(Math.min(this.partBytes, Math.max(wanted, 4 * this.part.length)));
    this.part.copy(larger, 0, 0, this.filled);
    this.part = larger;
  }

  private get partBytes(): number {
    return partBytesOf(this.parts.length);
  }

  private names() {
    return { Bucket: this.target.bucket, Key: this.target.key };
  }

  private headers() {
    const { metadata, contentType } = this.target;
    return {
      ...(metadata ? { Metadata: metadata } : {}),
      ...(contentType ? { ContentType: contentType } : {}),
    };
  }
}

export function unquoted(etag: string | undefined): string {
  return (etag ?? '').replace(/^"|"$/g, '');
}
