import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { ObjectVersion } from '../jobs';
import { parseS3Uri } from '../pipelines/location';

/** The folder on this machine into which an input is staged. */
export function inputFolderOf(name: string): string {
  return name.replace(/[^\w-]/g, '_');
}

/** What is wrong with the inputs of a query, which are JSON from anywhere. */
export function findInputProblems(inputs: unknown): StandardSchemaV1.Issue[] {
  if (inputs === undefined) return [];
  const needs = 'give { "NAME": "s3://bucket/key" } or { "NAME": { "bucket", "key" } }';
  if (typeof inputs !== 'object' || inputs === null || Array.isArray(inputs))
    return [{ path: ['inputs'], message: `${JSON.stringify(inputs)} is no set of inputs; ${needs}` }];
  const folders = new Map<string, string>();
  return Object.entries(inputs as Record<string, unknown>).flatMap(([name, input]) => {
    const path = ['inputs', name];
    const folder = inputFolderOf(name);
    const other = folders.get(folder);
    folders.set(folder, name);
    if (name === '') return [{ path, message: `an input without a name; ${needs}` }];
    if (other !== undefined)
      return [{ path, message: `too like "${other}": give names that differ in letters, digits or _` }];
    const { bucket, key } = (input ?? {}) as Partial<ObjectVersion>;
    const fits =
      typeof input === 'string' ? parseS3Uri(input) : typeof bucket === 'string' && typeof key === 'string';
    return fits ? [] : [{ path, message: `${JSON.stringify(input)} is no object; ${needs}` }];
  });
}
