import { SluiceError } from '../errors';
import type { ObjectVersion } from '../jobs';
import { parseS3Uri } from '../pipelines/location';

export interface Folder {
  bucket: string;
  /** Ends in a slash. */
  prefix: string;
}

/** Reads a task's input and collects every problem before one is told. */
export class InputReader {
  private readonly problems: string[] = [];

  constructor(
    private readonly task: string,
    private readonly input: Record<string, unknown>,
  ) {}

  folder(name: string): Folder {
    const uri = this.uri(name);
    if (uri && uri.key !== '' && uri.key.endsWith('/')) return { bucket: uri.bucket, prefix: uri.key };
    return this.refuse(name, 'give a folder such as s3://lake/ctr/raw/', { bucket: '', prefix: '' });
  }

  object(name: string): ObjectVersion {
    const uri = this.uri(name);
    if (uri && uri.key !== '' && !uri.key.endsWith('/')) return uri;
    return this.refuse(name, 'give an object such as s3://lake/a.csv', { bucket: '', key: '' });
  }

  /** A folder, an object, or an object version as an arrival has it. */
  folderOrObject(name: string): Folder | ObjectVersion {
    const value = this.input[name];
    if (typeof value === 'object' && value !== null) {
      const { bucket, key, versionId, etag } = value as Partial<ObjectVersion>;
      if (typeof bucket === 'string' && typeof key === 'string')
        return { bucket, key, versionId: versionId ?? null, etag: etag ?? null };
    }
    const uri = this.uri(name);
    if (uri === null || uri.key === '') {
      const needs =
        'give a folder such as s3://lake/ctr/raw/, an object, or { "bucket", "key", "versionId"? }';
      return this.refuse(name, needs, { bucket: '', key: '' });
    }
    return uri.key.endsWith('/') ? { bucket: uri.bucket, prefix: uri.key } : uri;
  }

  text(name: string, fallback?: string): string {
    const value = this.input[name] ?? fallback;
    return typeof value === 'string' ? value : this.refuse(name, 'give a text', '');
  }

  texts(name: string): string[] {
    const value = this.input[name] ?? [];
    const fits = Array.isArray(value) && value.every((item) => typeof item === 'string');
    return fits ? value : this.refuse(name, 'give a list of texts', []);
  }

  flag(name: string): boolean {
    const value = this.input[name] ?? false;
    return typeof value === 'boolean' ? value : this.refuse(name, 'give true or false', false);
  }

  refuse<T>(name: string, needs: string, instead: T): T {
    this.problems.push(`${name}: ${JSON.stringify(this.input[name]) ?? 'missing'}; ${needs}`);
    return instead;
  }

  /** @throws SluiceError InvalidJob that lists every problem */
  finish<T>(read: T): T {
    if (this.problems.length === 0) return read;
    throw new SluiceError('InvalidJob', `${this.task}: ${this.problems.join('; ')}`);
  }

  private uri(name: string): { bucket: string; key: string } | null {
    const value = this.input[name];
    return typeof value === 'string' ? parseS3Uri(value) : null;
  }
}

/** Runs `body` on every item, so many at a time. After a failure nothing new begins; it is thrown when all have ended. */
export async function forEach<T>(
  items: readonly T[],
  atATime: number,
  body: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  const failures: unknown[] = [];
  const work = async () => {
    while (next < items.length && failures.length === 0) {
      try {
        await body(items[next++]!);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atATime, items.length) }, work));
  if (failures.length > 0) throw failures[0];
}
