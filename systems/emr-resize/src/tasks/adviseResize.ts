import { defineTask, field, joinLocation, SluiceError } from 'sluice';
import { adviseResize as advise, type ResizeAdvice } from '../advice/adviseResize';
import { putText } from '../lakeObjects';
import { drawResize, planSamples } from '../pictures/resizePicture';
import { writePage, type Table } from '../pictures/page';
import { facts } from './_fields';

export const adviseResize = defineTask(
  {
    name: 'advise-resize',
    about: 'Says what is to be said of a resize before it is made, as JSON, picture and page.',
    input: {
      facts,
      part: field.text({ about: 'the group or fleet by name' }),
      target: field.integer(),
      fast: field.choice(['auto', 'true', 'false'], { default: 'auto' }),
      to: field.folder({ about: 'where the advice is written; nowhere unless given', optional: true }),
    },
  },
  async ({ facts, part, target, fast, to }, { s3, signal }) => {
    let advice: ResizeAdvice;
    try {
      advice = advise(facts, { part, target, fast });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new SluiceError('InvalidJob', error.message, { cause: error });
    }
    if (to === undefined) return { payload: advice };
    const title = `${facts.name || facts.clusterId}: ${part} from ${advice.from} to ${advice.to}`;
    const svg = await drawResize(title, [{ name: 'plan', samples: planSamples(advice, facts) }]);
    const put = (name: string, text: string) => putText(s3, joinLocation(to, name), text, signal);
    await put('advice.json', `${JSON.stringify({ ...advice, facts }, null, 2)}\n`);
    await put('plan.svg', svg);
    await put(
      'advice.html',
      writePage({ title, remarks: remarksOf(advice), pictures: [svg], tables: [verdictTable(advice)] }),
    );
    return { output: joinLocation(to, 'advice.json'), payload: advice };
  },
);

function remarksOf({ refused, rounds, tune, estimates }: ResizeAdvice): string[] {
  const minutes = ({ leastSeconds, mostSeconds }: { leastSeconds: number; mostSeconds: number }) =>
    `${(leastSeconds / 60).toFixed(1)} to ${(mostSeconds / 60).toFixed(1)} minutes`;
  return [
    refused
      ? 'Refused: see the rules below.'
      : rounds.length === 0
        ? 'All is as asked for.'
        : `In ${rounds.length} ${rounds.length === 1 ? 'round' : 'rounds'}${tune ? ', with the fast settings of HDFS' : ''}.`,
    ...(estimates
      ? [
          `HDFS needs ${minutes(estimates.usual)} by default, and ${minutes(estimates.fast)} with the fast settings.`,
        ]
      : []),
  ];
}

export function verdictTable({ verdicts }: ResizeAdvice): Table {
  return {
    title: 'Rules',
    columns: ['rule', 'verdict', 'found', 'limit', 'meaning', 'source'],
    rows: verdicts.map(({ rule, verdict, value, limit, text, source }) => [
      ...[rule, verdict, value, limit, text, source],
    ]),
  };
}
