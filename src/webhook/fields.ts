import { z } from 'zod';

/** Text within bounds. Zod's own checks of a length look at what is no text, too, and throw over `{"length":{"toString":1}}`. */
export function boundedText(most: number, least = 0) {
  return z.string().refine((text) => text.length >= least && text.length <= most, {
    error: `expected ${least > 0 ? `${least} to` : 'at most'} ${most} characters`,
  });
}

/**
 * The fields that both of S3's event forms have, each with a bound, so that what is handed on has one.
 * Names: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html (older buckets have up to 255
 * characters, capitals and underscores).
 */
export const bucketName = z.string().regex(/^[A-Za-z0-9._-]{1,255}$/, 'expected the name of a bucket');

/** S3 allows 1,024 bytes of UTF-8; form-encoding makes up to three of each. */
export const KEY_LIMIT_BYTES = 1024;
export const KEY_TOO_LONG = `expected at most ${KEY_LIMIT_BYTES} bytes of UTF-8`;
export const sentKey = boundedText(3 * KEY_LIMIT_BYTES, 1);

export const objectSize = z.number().int().nonnegative().nullish();
export const shortText = boundedText(1024).nullish();
export const eventTime = z.iso.datetime({ offset: true });

export function isKeyTooLong(key: string): boolean {
  return Buffer.byteLength(key) > KEY_LIMIT_BYTES;
}

export function etagOf(etag: string | null | undefined): string | null {
  return etag?.replace(/^"(.*)"$/, '$1') || null;
}

/** The version `null` of a bucket without versioning is overwritten in place, so it identifies no version. */
export function versionOf(versionId: string | null | undefined): string | null {
  return versionId && versionId !== 'null' ? versionId : null;
}

/** A sequencer that is not hex text cannot be compared. */
export function sequencerOf(sequencer: string | null | undefined): string | null {
  return sequencer && /^[0-9a-f]+$/i.test(sequencer) ? sequencer : null;
}
