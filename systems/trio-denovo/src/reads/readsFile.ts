import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { GetObjectCommand, HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { ensurePythonPackages, SluiceError, stageInput, type PythonPackages, type TaskContext } from 'sluice';
import { uriOf, type PinnedObject } from '../objects';

/** pysam 0.24 has htslib 1.24 inside, which reads ranges of a URL. */
export const PYSAM: PythonPackages = {
  name: 'pysam-0.24.1',
  title: 'pysam, which reads BAM files',
  packages: ['pysam==0.24.1'],
  imports: 'pysam',
};

/** https://samtools.github.io/hts-specs/SAMv1.pdf, 4.1.2: what a BGZF file that is whole ends with. */
export const BGZF_END = Buffer.from('1f8b08040000000000ff0600424302001b0003000000000000000000', 'hex');
/** Bases below it are not counted, as samtools mpileup does by default. */
export const MIN_BASE_QUALITY = 13;
/** How many reads a picture shows of a sample. */
export const MAX_SHOWN_READS = 40;
/** The most that AWS lets a URL of a person's keys be good for, less an hour; those of a role end with it. */
const URL_SECONDS = 6 * 86_400;

export interface ReadsDescription {
  /** Length by name. */
  contigs: Record<string, number>;
  /** The samples of the read groups; empty where the header names none. */
  samples: string[];
}

export interface Coverage {
  reads: number;
  /** Pairs of a depth and how many positions have it, by depth. */
  depths: [number, number][];
}

export interface ViewedSite {
  pos: number;
  ref: string | null;
  alt: string | null;
}

export interface ShownRead {
  start: number;
  bases: string;
  reverse: boolean;
}

export interface SiteView {
  counts: Record<'A' | 'C' | 'G' | 'T' | 'N', number>;
  deleted: number;
  depth: number;
  /** Reads that have the site's ALT. */
  alternative: number;
  reads: { total: number; shown: ShownRead[] };
}

interface ReadsContext {
  s3: S3Client;
  signal: AbortSignal;
  report: TaskContext['report'];
  /** For the index. */
  folder: string;
}

/** A BAM in S3, of which only the parts that are asked for are read, by pysam in a process of its own. */
export class ReadsFile {
  private readonly uri: string;
  private indexFile: string | undefined;

  constructor(
    private readonly object: PinnedObject,
    private readonly index: string | undefined,
    private readonly context: ReadsContext,
  ) {
    this.uri = uriOf(object);
  }

  describe(): Promise<ReadsDescription> {
    return this.ask({ command: 'describe' });
  }

  /** @param range positions from 1, both ends included */
  coverage(contig: string, range: { start: number; end: number }): Promise<Coverage> {
    return this.ask({ command: 'coverage', contig, ...range });
  }

  async view(contig: string, sites: ViewedSite[], window: number): Promise<SiteView[]> {
    const options = { window, minBaseQuality: MIN_BASE_QUALITY, maxReads: MAX_SHOWN_READS };
    const { views } = await this.ask<{ views: SiteView[] }>({ command: 'view', contig, sites, ...options });
    return views;
  }

  private async ask<Answer>(request: object): Promise<Answer> {
    const { s3, signal, report, folder } = this.context;
    const { bucket: Bucket, key: Key, versionId: VersionId } = this.object;
    await this.requireUnchanged();
    const { python } = await ensurePythonPackages(PYSAM, {
      env: process.env,
      report: (line) => report({ doing: line }),
    });
    if (this.index !== undefined && this.indexFile === undefined)
      this.indexFile = (await stageInput(s3, this.index, folder, signal))[0]!.path;
    const command = new GetObjectCommand({ Bucket, Key, ...(VersionId ? { VersionId } : {}) });
    const url = await getSignedUrl(s3, command, { expiresIn: URL_SECONDS });
    const child = spawn(python, [join(__dirname, 'reads.py')], {
      cwd: folder,
      signal,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let out = '';
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-10_000)));
    child.stdin.on('error', () => {});
    // The URL is a key to the object for a while: it goes by standard input, which no list of processes shows.
    child.stdin.end(
      JSON.stringify({ ...request, url, ...(this.indexFile ? { index: this.indexFile } : {}) }),
    );
    await once(child, 'close');
    signal.throwIfAborted();
    const hide = (text: string) => text.replaceAll(url, this.uri).replace(/\?[^\s"']*X-Amz[^\s"']*/g, '');
    if (child.exitCode !== 0)
      throw new Error(
        `${this.uri}: pysam ended with ${child.exitCode ?? child.signalCode}: ${hide(said).trim().split('\n').at(-1)}`,
      );
    const answer = JSON.parse(out) as Answer | { error: string };
    if (typeof answer === 'object' && answer !== null && 'error' in answer)
      throw this.refusal(hide(answer.error));
    return answer;
  }

  /** What cannot be reached is of the moment; any other refusal is the file's. */
  private refusal(reason: string): Error {
    if (/Connection|Resolve|resolve|timed out|temporarily|HTTP|Input\/output/i.test(reason))
      return new Error(`${this.uri}: ${reason}`);
    return new SluiceError('BadData', `${this.uri}: ${reason}; make the BAM and its index anew`);
  }

  /** A URL reads what is there now; without versions that may be another object. */
  private async requireUnchanged(): Promise<void> {
    const { bucket: Bucket, key: Key, versionId, etag } = this.object;
    if (versionId || !etag) return;
    const { ETag } = await this.context.s3.send(new HeadObjectCommand({ Bucket, Key }), {
      abortSignal: this.context.signal,
    });
    if (ETag?.replaceAll('"', '') !== etag)
      throw new SluiceError(
        'ObjectGone',
        `${this.uri} was replaced after the run had taken it (etag ${etag}); start a new run for the new object`,
      );
  }
}
