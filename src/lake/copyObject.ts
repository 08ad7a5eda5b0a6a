import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  UploadPartCopyCommand,
  type CompletedPart,
  type S3Client,
} from '@aws-sdk/client-s3';

export interface ObjectName {
  bucket: string;
  key: string;
}

/** One call copies at most 5 GB: https://docs.aws.amazon.com/AmazonS3/latest/userguide/copy-object.html */
const PART_BYTES = 5_000_000_000;

/** How S3 wants the source of a copy named. */
export function copySourceOf({ bucket, key }: ObjectName): string {
  return [bucket, ...key.split('/')].map(encodeURIComponent).join('/');
}

/** Copies an object of any size within S3; the target is the old or the new object, never a part of it. */
export async function copyObject(
  s3: S3Client,
  { from, to, bytes }: { from: ObjectName; to: ObjectName; bytes: number },
  { signal, partBytes = PART_BYTES }: { signal: AbortSignal; partBytes?: number },
): Promise<void> {
  const CopySource = copySourceOf(from);
  const target = { Bucket: to.bucket, Key: to.key };
  const abortSignal = signal;
  if (bytes <= partBytes) {
    await s3.send(new CopyObjectCommand({ ...target, CopySource }), { abortSignal });
    return;
  }
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand(target), { abortSignal });
  try {
    const Parts: CompletedPart[] = [];
    for (let first = 0; first < bytes; first += partBytes) {
      const PartNumber = Parts.length + 1;
      const CopySourceRange = `bytes=${first}-${Math.min(first + partBytes, bytes) - 1}`;
      const part = { ...target, UploadId, PartNumber, CopySource, CopySourceRange };
      const { CopyPartResult } = await s3.send(new UploadPartCopyCommand(part), { abortSignal });
      Parts.push({ PartNumber, ETag: CopyPartResult?.ETag });
    }
    const whole = { ...target, UploadId, MultipartUpload: { Parts } };
    await s3.send(new CompleteMultipartUploadCommand(whole), { abortSignal });
  } catch (error) {
    await s3.send(new AbortMultipartUploadCommand({ ...target, UploadId })).catch(() => {});
    throw error;
  }
}
