import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineTask, field } from 'sluice';
import { isPinnedObject, putText } from '../objects';
import { formatCoverage } from '../reads/coverageTable';
import { ReadsFile } from '../reads/readsFile';

/**
 * `measure-coverage`: how many positions of a stretch have how many reads of a sample, as CSV: `sample,depth,positions,share`.
 * `share` is of the positions with a read at all.
 */
export const measureCoverage = defineTask(
  {
    name: 'measure-coverage',
    about: 'Counts the positions of a stretch by how many reads of a sample cover them.',
    input: {
      object: field.value(isPinnedObject, { needs: 'an object { bucket, key, versionId?, etag? }' }),
      index: field.object(),
      sample: field.text(),
      contig: field.text(),
      start: field.integer({ least: 1 }),
      end: field.integer(),
      output: field.object(),
    },
  },
  async ({ object, index, sample, contig, start, end, output }, context) => {
    const { s3, signal } = context;
    const folder = await mkdtemp(join(tmpdir(), 'sluice-reads-'));
    try {
      const file = new ReadsFile(object, index, { ...context, folder });
      const { reads, depths } = await file.coverage(contig, { start, end });
      const text = formatCoverage(sample, depths);
      await putText(s3, output, { text, contentType: 'text/csv', signal });
      return {
        output,
        measures: { rowsRead: reads, rowsRejected: 0, valuesUnread: 0, rowsWritten: depths.length },
      };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
);
