import { SluiceError } from '../../errors';
import type { Task } from '../task';
import { readExport } from './exportFolder';

/**
 * `find-export`: `{ location }`, at or above one finished DynamoDB export in S3. Answers with its own folder and with the
 * time of its data, as `{ location, timestamp, itemCount }`.
 */
export const findExport: Task = {
  check: (input) => void parseInput(input),
  async run(input, { s3, signal }) {
    const { location, timestamp, itemCount } = await readExport(s3, parseInput(input), signal);
    return { output: location, payload: { location, timestamp, itemCount } };
  },
};

function parseInput({ location }: Record<string, unknown>): string {
  if (typeof location === 'string' && location.startsWith('s3://')) return location;
  throw new SluiceError(
    'InvalidJob',
    `find-export: location: ${JSON.stringify(location)} is no folder; give one such as s3://lake/export/`,
  );
}
