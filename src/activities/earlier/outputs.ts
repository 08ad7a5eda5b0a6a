import { HeadObjectCommand, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import type { Job, JobResult, ObjectVersion } from '../../jobs';
import { SUCCESS_MARKER } from '../../lake/lakeFiles';
import { ROWS_TO } from '../../pipelines/csv';
import { parseS3Uri } from '../../pipelines/location';
import { pinVersion } from '../arrivals';

/** How a member or option is called that says where a job writes. */
const OUTPUT_NAME = /^(output|target|dest|destination|to)(path|location|folder|uri|dir|prefix)?$/i;
/** What the script of a job calls the folder beside its output: see `rowsTo`. */
const REJECTED = /-rejected\/_rows\.json$/;
/** The clocks of S3 and Temporal may differ by so much; S3 tells whole seconds. */
const CLOCK_MARGIN_MS = 2_000;

/** A job that succeeded, as far as its outputs are concerned. */
export interface DoneJob {
  job: Job;
  result: JobResult;
  /** ISO 8601. */
  ended: string;
}

/** Looks in S3 whether what a run has done is there still; each place and object once. */
export class OutputCheck {
  private readonly changes = new Map<string, Promise<string | null>>();
  private readonly places = new Map<string, Promise<Place>>();

  constructor(
    private readonly s3: S3Client,
    private readonly signal: AbortSignal,
  ) {}

  /** Why a job must be done again, or null. */
  async findProblem({ job, result, ended }: DoneJob): Promise<string | null> {
    for (const object of findPinned(job.parameters)) {
      const problem = await this.findChange(object);
      if (problem !== null) return problem;
    }
    const needsMarker = job.resource === 'duckdb:query';
    for (const location of new Set([...(result.output ? [result.output] : []), ...findOutputs(job)])) {
      const { writtenAt, isMarked } = await once(this.places, location, () => this.lookAt(location));
      if (writtenAt === null) return `its output ${location} is not there any more`;
      if (needsMarker && !isMarked) return `its output ${location} has no ${SUCCESS_MARKER}`;
      if (writtenAt.getTime() > Date.parse(ended) + CLOCK_MARGIN_MS)
        return `its output ${location} was written anew at ${writtenAt.toISOString()}`;
    }
    return null;
  }

  /** Why an object is not what it was, or null. */
  findChange(object: ObjectVersion): Promise<string | null> {
    const { bucket, key, versionId = null, etag = null } = object;
    return once(this.changes, JSON.stringify([bucket, key, versionId, etag]), async () => {
      const arrival = { bucket, key, versionId, etag, size: null, sequencer: null, time: '' };
      const found = await pinVersion(this.s3, arrival, this.signal);
      return found === null ? `s3://${bucket}/${key} is gone, or was replaced` : null;
    });
  }

  private async lookAt(location: string): Promise<Place> {
    const uri = parseS3Uri(location);
    // What is no place in S3 is not looked at.
    if (uri === null || uri.key === '') return { writtenAt: new Date(0), isMarked: true };
    const { bucket: Bucket } = uri;
    const key = uri.key.replace(/\/+$/, '');
    const options = { abortSignal: this.signal };
    const list = new ListObjectsV2Command({ Bucket, Prefix: `${key}/` });
    const { Contents = [] } = await this.s3.send(list, options);
    if (Contents.length > 0) {
      const times = Contents.map(({ LastModified }) => LastModified?.getTime() ?? 0);
      const isMarked = Contents.some(({ Key }) => Key === `${key}/${SUCCESS_MARKER}`);
      return { writtenAt: new Date(Math.max(...times)), isMarked };
    }
    try {
      const head = await this.s3.send(new HeadObjectCommand({ Bucket, Key: key }), options);
      return { writtenAt: head.LastModified ?? new Date(0), isMarked: true };
    } catch (error) {
      if ((error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode !== 404)
        throw error;
      return { writtenAt: null, isMarked: false };
    }
  }
}

/** What is at a location: when the newest of it was written, or null for nothing. */
interface Place {
  writtenAt: Date | null;
  isMarked: boolean;
}

function once<T>(known: Map<string, Promise<T>>, name: string, look: () => Promise<T>): Promise<T> {
  const found = known.get(name) ?? look();
  known.set(name, found);
  return found;
}

/** The objects of one version among a job's parameters. */
function findPinned(value: unknown): ObjectVersion[] {
  if (typeof value !== 'object' || value === null) return [];
  const { bucket, key, versionId, etag } = value as Partial<ObjectVersion>;
  if (typeof bucket === 'string' && typeof key === 'string' && (versionId || etag))
    return [value as ObjectVersion];
  return Object.values(value).flatMap(findPinned);
}

/** Where the parameters of a job say that it writes: members and options by their usual names, and those of our scripts. */
function findOutputs({ parameters }: Job): string[] {
  const found: string[] = [];
  const takeAll = (value: unknown): void => {
    if (typeof value === 'string' && value.startsWith('s3://')) found.push(value);
    else if (typeof value === 'object' && value !== null) Object.values(value).forEach(takeAll);
  };
  const takeNamed = (name: string, value: unknown): void => {
    if (name === ROWS_TO && typeof value === 'string') {
      if (REJECTED.test(value)) found.push(value.replace(REJECTED, '/'));
    } else if (OUTPUT_NAME.test(name.replace(/[-_]/g, ''))) takeAll(value);
    else search(value);
  };
  const search = (value: unknown): void => {
    if (Array.isArray(value))
      value.forEach((member: unknown, i) => {
        const option = value[i - 1] as unknown;
        if (typeof option === 'string' && option.startsWith('--')) takeNamed(option, member);
        else search(member);
      });
    else if (typeof value === 'object' && value !== null)
      for (const [name, member] of Object.entries(value)) takeNamed(name, member);
  };
  search(parameters);
  return found;
}
