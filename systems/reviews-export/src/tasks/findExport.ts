import { field, defineTask } from 'sluice';
import { readExport } from './exportFolder';

/** `location` is at or above one finished export. Answers `{ location, timestamp, itemCount }`. */
export const findExport = defineTask(
  {
    name: 'find-export',
    about: 'Finds a finished DynamoDB export in S3: its own folder and the time of its data.',
    input: { location: field.s3() },
  },
  async (input, { s3, signal }) => {
    const { location, timestamp, itemCount } = await readExport(s3, input.location, signal);
    return { output: location, payload: { location, timestamp, itemCount } };
  },
);
