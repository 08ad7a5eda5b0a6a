import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { Job } from '../jobs';
import { ROWS_TO } from '../pipelines/csv';
import { parseS3Uri } from '../pipelines/location';

/** The measures of rows that every job of ours gives. */
const MEASURES = ['rowsRead', 'rowsRejected', 'valuesUnread', 'rowsWritten'] as const;

/**
 * What a script of `sluice_rows.py` says of its rows. No service hands on a script's own counts, so it writes them into the
 * object that its option `--rows-to` names, wherever it runs.
 * @returns no measures for a job without that option, or one that wrote none
 */
export async function readRowAccount(
  s3: S3Client,
  { parameters }: Job,
  abortSignal: AbortSignal,
): Promise<Record<string, number>> {
  const object = parseS3Uri(findOption(parameters) ?? '');
  if (object === null) return {};
  try {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: object.bucket, Key: object.key }), {
      abortSignal,
    });
    const found = JSON.parse(await Body!.transformToString()) as Record<string, unknown>;
    const counts = MEASURES.map((name) => [name, Number(found[name])] as const);
    return Object.fromEntries(counts.filter(([, count]) => Number.isFinite(count)));
  } catch (error) {
    if ((error as Error).name === 'NoSuchKey') return {};
    throw error;
  }
}

/** Scripts are given options in many places: a list of texts, or an object of them. */
function findOption(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (Array.isArray(value)) {
    const at = value.indexOf(ROWS_TO);
    if (at !== -1) return String(value[at + 1]);
  }
  const named = (value as Record<string, unknown>)[ROWS_TO];
  if (typeof named === 'string') return named;
  for (const member of Object.values(value)) {
    const found = findOption(member);
    if (found !== undefined) return found;
  }
  return undefined;
}
