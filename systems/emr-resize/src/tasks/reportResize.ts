import { defineTask, field, joinLocation } from 'sluice';
import { putText } from '../lakeObjects';
import { drawResize, planSamples } from '../pictures/resizePicture';
import { writePage } from '../pictures/page';
import { verdictTable } from './adviseResize';
import { advice, facts, samples } from './_fields';

export const reportResize = defineTask(
  {
    name: 'report-resize',
    about: 'Writes what a resize was estimated to take and what it took, as JSON, picture and page.',
    input: {
      ...{ facts, advice, samples },
      seconds: field.number({ above: -1 }),
      to: field.folder(),
    },
  },
  async ({ facts, advice, samples, seconds, to }, { s3, signal }) => {
    const estimates = advice.rounds.flatMap(({ estimate }) => (estimate ? [estimate] : []));
    const sum = (name: 'leastSeconds' | 'mostSeconds') =>
      estimates.length < advice.rounds.length || estimates.length === 0
        ? null
        : estimates.reduce((total, estimate) => total + estimate[name], 0);
    const report = {
      clusterId: advice.clusterId,
      part: advice.part.name,
      ...{ from: advice.from, to: advice.to, rounds: advice.rounds.length, tuned: advice.tune !== null },
      estimatedSeconds: { least: sum('leastSeconds'), most: sum('mostSeconds') },
      ...{ seconds, samples },
    };
    const title = `${facts.name || facts.clusterId}: ${report.part} from ${report.from} to ${report.to}`;
    const svg = await drawResize(title, [
      { name: 'plan', samples: planSamples(advice, facts) },
      { name: 'as it was', samples },
    ]);
    const { least, most } = report.estimatedSeconds;
    const put = (name: string, text: string) => putText(s3, joinLocation(to, name), text, signal);
    await put('report.json', `${JSON.stringify(report, null, 2)}\n`);
    await put('report.svg', svg);
    await put(
      'report.html',
      writePage({
        title,
        remarks: [
          `It took ${(seconds / 60).toFixed(1)} minutes; ${least === null ? 'nothing was estimated' : `HDFS was estimated at ${(least / 60).toFixed(1)} to ${(most! / 60).toFixed(1)}`}.`,
        ],
        pictures: [svg],
        tables: [verdictTable(advice)],
      }),
    );
    return { output: joinLocation(to, 'report.json'), measures: { resizeSeconds: seconds } };
  },
);
