import { defineTask, field, joinLocation, parseS3Uri, type TaskContext } from 'sluice';
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { putText, readOutput } from '../objects';
import { reportPage, type ListedVariants, type Report } from '../pictures/reportPage';
import { readCoverage } from '../reads/coverageTable';
import type { Site } from '../reads/sites';
import { ANSWERS, type Answer } from '../vcf/variantQueries';

/** Rows of a list that the page shows; the file has all. */
const SHOWN_ROWS = 200;

/**
 * `write-report`: `report.html`, one file that loads nothing, and at the very end `_SUCCESS`: all of this run is there.
 */
export const writeReport = defineTask(
  {
    name: 'write-report',
    about: "Writes a page of a trio's variants, coverage and sites.",
    input: {
      title: field.text(),
      child: field.text(),
      father: field.text(),
      mother: field.text(),
      region: field.text(),
      genotypes: field.text(),
      engine: field.text(),
      rule: field.text(),
      samples: field.texts(),
      minReads: field.integer(),
      output: field.folder(),
    },
  },
  async ({ samples, output, ...about }, { s3, signal }: TaskContext) => {
    const at = (name: string) => joinLocation(output, name);
    const lists = {} as Record<Answer, ListedVariants>;
    for (const answer of ANSWERS) lists[answer] = await readList(s3, at(`${answer}.csv`), signal);
    const report: Report = { ...about, lists, reads: null };
    let shown = 0;
    if (samples.length > 0) {
      const coverages = [];
      for (const sample of samples) {
        const uri = at(`coverage/${sample}.csv`);
        const depths = readCoverage(await readOutput(s3, uri, signal), uri);
        coverages.push({ sample, depths });
        shown += depths.length;
      }
      const sites = JSON.parse(await readOutput(s3, at('sites.json'), signal)) as Site[];
      const pictures: Record<string, string> = {};
      for (const name of ['coverage.svg', ...sites.map(({ picture }) => picture)])
        pictures[name] = await readOutput(s3, at(name), signal);
      report.reads = { coverages, sites, pictures };
      shown += sites.length;
    }
    const to = at('report.html');
    await putText(s3, to, { text: reportPage(report), contentType: 'text/html; charset=utf-8', signal });
    await putText(s3, at('_SUCCESS'), { text: '', contentType: 'text/plain', signal });
    const counts = Object.fromEntries(ANSWERS.map((answer) => [answer, lists[answer].count]));
    const sum = (of: (list: ListedVariants) => number) =>
      ANSWERS.reduce((total, answer) => total + of(lists[answer]), shown);
    return {
      output: to,
      measures: {
        ...{ rowsRead: sum(({ count }) => count), rowsRejected: 0, valuesUnread: 0 },
        rowsWritten: sum(({ first }) => first.length),
      },
      payload: { counts },
    };
  },
);

/** The first rows, and how many there are; the file may be large. */
async function readList(s3: S3Client, uri: string, abortSignal: AbortSignal): Promise<ListedVariants> {
  const { bucket: Bucket, key: Key } = parseS3Uri(uri)!;
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }), { abortSignal });
  const first: string[][] = [];
  let count = -1;
  for await (const line of createInterface({ input: Body as Readable })) {
    if (count >= 0 && count < SHOWN_ROWS) first.push(fieldsOf(line));
    count++;
  }
  return { count: Math.max(0, count), first };
}

/** The fields of a row of CSV. */
function fieldsOf(line: string): string[] {
  return [...line.matchAll(/("(?:[^"]|"")*"|[^,]*)(?:,|$)/g)]
    .map(([, text]) => (text!.startsWith('"') ? text!.slice(1, -1).replaceAll('""', '"') : text!))
    .slice(0, line.split(',').length);
}
