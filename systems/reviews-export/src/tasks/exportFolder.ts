import { posix } from 'node:path';
import { HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { SluiceError, parseS3Uri, listKeys, readText, SUCCESS_MARKER } from 'sluice';

/** `full` and `incremental`: today's DYNAMODB_JSON; `datapipeline`: the lines of 2018. */
export type ExportKind = 'full' | 'incremental' | 'datapipeline';

/** A finished export in S3. */
export interface ExportFolder {
  location: string;
  kind: ExportKind;
  /** The time of the data, e.g. `2018-07-12-23-00-00` (UTC). */
  timestamp: string;
  /** URIs of the data files. */
  files: string[];
  /** How many records the manifest says there are. */
  itemCount: number | null;
}

/** https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html */
export interface ManifestSummary {
  version: string;
  exportArn: string;
  exportType?: string;
  exportTime?: string | null;
  exportToTime?: string | null;
  startTime: string;
  manifestFilesS3Key: string;
  itemCount: number;
  outputFormat: string;
}

export const SUMMARY = 'manifest-summary.json';
export const FILES = 'manifest-files.json';
const MANIFEST_2018 = 'manifest';

/**
 * The one finished export at or below a location. Its data files are found from where the manifest lies now, so an
 * export may have been copied from another bucket.
 * @throws SluiceError InvalidJob when there is none or more than one, ObjectGone when a data file is missing
 */
export async function readExport(s3: S3Client, location: string, signal: AbortSignal): Promise<ExportFolder> {
  const uri = parseS3Uri(location);
  if (uri === null || uri.key === '')
    throw new SluiceError('InvalidJob', `${location}: no folder in S3; give one such as s3://lake/export/`);
  const { bucket } = uri;
  const keys = await listKeys(s3, bucket, uri.key.replace(/\/*$/, '/'), signal);
  const ending = (name: string) => keys.filter((key) => posix.basename(key) === name);
  const marks = [...ending(SUMMARY), ...ending(SUCCESS_MARKER)];
  if (marks.length !== 1) {
    const found = marks.map((key) => `s3://${bucket}/${posix.dirname(key)}/`);
    throw new SluiceError(
      'InvalidJob',
      marks.length === 0
        ? `${location}: no finished export; one has ${SUMMARY}, or in the format of 2018 ${SUCCESS_MARKER}`
        : `${location}: more than one export; give one of ${found.slice(0, 10).join(', ')}`,
    );
  }
  const folder = posix.dirname(marks[0]!);
  const source: Source = { s3, bucket, folder, keys, signal };
  return posix.basename(marks[0]!) === SUMMARY ? readToday(source) : read2018(source);
}

interface Source {
  s3: S3Client;
  bucket: string;
  folder: string;
  keys: string[];
  signal: AbortSignal;
}

async function readToday(source: Source): Promise<ExportFolder> {
  const { bucket, folder } = source;
  const location = `s3://${bucket}/${folder}/`;
  const summary = JSON.parse(await readManifest(source, `${folder}/${SUMMARY}`)) as ManifestSummary;
  if (summary.outputFormat !== 'DYNAMODB_JSON')
    throw new SluiceError(
      'InvalidJob',
      `${location}: its format is ${summary.outputFormat}; export as DYNAMODB_JSON`,
    );
  const lines = (await readManifest(source, `${folder}/${FILES}`))
    .split('\n')
    .filter((line) => line.trim() !== '');
  const files = lines.map((line) => {
    const { dataFileS3Key } = JSON.parse(line) as { dataFileS3Key: string };
    // An incremental export keeps its data beside its own folder, in one that all of them share.
    const relative = posix.relative(posix.dirname(summary.manifestFilesS3Key), dataFileS3Key);
    return `s3://${bucket}/${posix.join(folder, relative)}`;
  });
  return {
    location,
    kind: summary.exportType === 'INCREMENTAL_EXPORT' ? 'incremental' : 'full',
    timestamp: toTimestamp(summary.exportTime ?? summary.exportToTime ?? summary.startTime),
    files,
    itemCount: summary.itemCount,
  };
}

/** Files by any name beside `manifest` and `_SUCCESS`; the folder's name is the time, else the time of `_SUCCESS`. */
async function read2018(source: Source): Promise<ExportFolder> {
  const { s3, bucket, folder, keys, signal } = source;
  const inFolder = keys.filter((key) => posix.dirname(key) === folder);
  const files = inFolder.filter((key) => !/^([_.].*|manifest)?$/.test(posix.basename(key))).sort();
  if (inFolder.includes(`${folder}/${MANIFEST_2018}`)) {
    const manifest = JSON.parse(await readManifest(source, `${folder}/${MANIFEST_2018}`)) as {
      entries: { url: string; mandatory: boolean }[];
    };
    const names = new Set(files.map((key) => posix.basename(key)));
    const missing = manifest.entries.filter(
      ({ url, mandatory }) => mandatory && !names.has(posix.basename(url)),
    );
    if (missing.length > 0)
      throw new SluiceError(
        'ObjectGone',
        `s3://${bucket}/${folder}/: lacks ${missing.map(({ url }) => posix.basename(url)).join(', ')} of its manifest; copy the whole folder`,
      );
  }
  let timestamp = posix.basename(folder);
  if (!/^\d{4}(-\d{2}){5}$/.test(timestamp)) {
    const marker = new HeadObjectCommand({ Bucket: bucket, Key: `${folder}/${SUCCESS_MARKER}` });
    const { LastModified } = await s3.send(marker, { abortSignal: signal });
    timestamp = toTimestamp(LastModified!.toISOString());
  }
  return {
    location: `s3://${bucket}/${folder}/`,
    kind: 'datapipeline',
    timestamp,
    files: files.map((key) => `s3://${bucket}/${key}`),
    itemCount: null,
  };
}

function readManifest({ s3, bucket, signal }: Source, key: string): Promise<string> {
  return readText(s3, `s3://${bucket}/${key}`, { cure: 'copy the whole export', signal });
}

/** `2018-07-12T23:00:00.000Z` as a partition has it: `2018-07-12-23-00-00`. */
function toTimestamp(time: string): string {
  return new Date(time).toISOString().slice(0, 19).replace(/[T:]/g, '-');
}
