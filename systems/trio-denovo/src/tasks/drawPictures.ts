import { DeleteObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { defineTask, field, joinFolder, joinLocation, listKeys, parseS3Uri } from 'sluice';
import { putText, readOutput } from '../objects';
import { drawCoverage, type SampleCoverage } from '../pictures/drawCoverage';
import { drawPileup } from '../pictures/drawPileup';
import { readCoverage } from '../reads/coverageTable';
import type { SiteReads } from '../reads/sites';

/**
 * `draw-pictures`: `coverage.svg`, and a picture of the reads at each site. Pictures and coverage of samples and sites that an
 * earlier run had and this one has not are removed, and without reads all of them.
 */
export const drawPictures = defineTask(
  {
    name: 'draw-pictures',
    about: "Draws the coverage of a trio's reads, and the reads at each site.",
    input: {
      samples: field.texts(),
      bin: field.integer({ least: 1, default: 1 }),
      output: field.folder(),
    },
  },
  async ({ samples, bin, output }, { s3, signal }) => {
    const at = (name: string) => joinLocation(output, name);
    const kept: string[] = [];
    let rows = 0;
    const put = async (name: string, text: string) => {
      await putText(s3, at(name), { text, contentType: 'image/svg+xml', signal });
      kept.push(name);
    };
    if (samples.length > 0) {
      const coverages: SampleCoverage[] = [];
      for (const sample of samples) {
        const name = `coverage/${sample}.csv`;
        const depths = readCoverage(await readOutput(s3, at(name), signal), at(name));
        coverages.push({ sample, depths });
        rows += depths.length;
        kept.push(name);
      }
      await put('coverage.svg', await drawCoverage(coverages, bin));
      const views = JSON.parse(await readOutput(s3, at('_views.json'), signal)) as SiteReads[];
      for (const view of views) await put(view.picture, await drawPileup(view));
      rows += views.length;
      kept.push('sites.json', '_views.json');
    }
    await removeOthers(s3, output, kept, signal);
    return {
      output,
      measures: {
        ...{ rowsRead: rows, rowsRejected: 0, valuesUnread: 0, rowsWritten: rows },
        pictures: kept.filter((name) => name.endsWith('.svg')).length,
      },
    };
  },
);

/** Of what this task and those before it write, all that is not of this run. */
async function removeOthers(
  s3: S3Client,
  output: string,
  kept: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const { bucket, key: prefix } = parseS3Uri(joinFolder(output))!;
  const folders = ['coverage/', 'pileups/'];
  const listed = await Promise.all(folders.map((folder) => listKeys(s3, bucket, prefix + folder, signal)));
  const single = ['coverage.svg', 'sites.json', '_views.json'].map((name) => prefix + name);
  const isOurs = (key: string) => /\/(coverage\/[^/]+\.csv|pileups\/[^/]+\.svg|[^/]+\.(svg|json))$/.test(key);
  for (const Key of [...listed.flat().filter(isOurs), ...single])
    if (!kept.includes(Key.slice(prefix.length)))
      await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key }), { abortSignal: signal });
}
