/** Tables over files, through local Athena and an S3 gateway. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { LocalAthena } from '../../src/engines/athena';
import { quietRuntime } from '../support/environment';
import { localLake } from '../support/localLake';
import { startTestS3 } from '../support/s3';
import { addVerdict, printFigures } from './figures';
import { FILE_CASES, type FileCase } from './files';

let lake: Awaited<ReturnType<typeof startTestS3>>;
let athena: LocalAthena;
let queries = 0;
/** Each run of the test has folders and databases of its own. */
let runs = 0;

beforeAll(async () => {
  quietRuntime();
  lake = await startTestS3();
  athena = new LocalAthena(localLake(lake));
}, 300_000);

afterAll(() => lake.stop());

async function run(sql: string, Database: string): Promise<string> {
  const id = `query-${queries++}`;
  const job = {
    resource: 'athena:startQueryExecution' as const,
    parameters: { QueryString: sql, QueryExecutionContext: { Database } },
  };
  const { output } = await athena.run(
    { job, key: id, run: 'run', step: 'step' },
    id,
    new AbortController().signal,
  );
  const { Body } = await lake.s3.send(
    new GetObjectCommand({ Bucket: 'lake', Key: output!.slice('s3://lake/'.length) }),
  );
  return Body!.transformToString();
}

async function answer({ ddl, then = [], files, query }: FileCase, name: string): Promise<string> {
  const location = `s3://lake/${name}/`;
  for (const [file, text] of Object.entries(files)) {
    const path = join(lake.s3Dir, 'lake', name, file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
  try {
    for (const sql of [ddl, ...then])
      await run(sql.replaceAll("LOCATION'", `${location}'`).replace(/'LOCATION(?!')/g, `'${location}`), name);
    const text = await run(query, name);
    return text
      .slice(text.indexOf('\n') + 1)
      .replace(/\n$/, '')
      .replaceAll(location, 'LOCATION');
  } catch (error) {
    return `ERROR ${(error as Error).message}`;
  }
}

test('the corpus has at least 100 files', () => {
  expect(FILE_CASES.reduce((sum, { files }) => sum + Object.keys(files).length, 0)).toBeGreaterThanOrEqual(
    100,
  );
});

test('every table over files answers as the documentation says', async () => {
  runs++;
  const disagreements: string[] = [];
  const only = process.env['CORPUS_KIND'];
  for (const [i, one] of FILE_CASES.entries()) {
    if (only !== undefined && only !== one.kind) continue;
    const found = await answer(one, `run_${runs}_case_${i}`);
    const agrees = one.answer.startsWith('ERROR') ? found.startsWith(one.answer) : found === one.answer;
    const verdict = agrees ? 'agrees' : found.startsWith('ERROR') ? 'refused' : 'wrong';
    addVerdict(one.kind, verdict);
    if (!agrees)
      disagreements.push(
        `${verdict}: ${one.ddl}\n  ${one.query}\n  expected ${one.answer}\n  found    ${found.slice(0, 400)}`,
      );
  }
  const { agrees } = printFigures();
  if (process.env['CORPUS_VERBOSE']) process.stdout.write(`${disagreements.join('\n')}\n`);
  expect(disagreements.filter((text) => text.startsWith('wrong'))).toEqual([]);
  expect(agrees).toBeGreaterThanOrEqual(FILE_CASES.length * 0.95);
  if (process.env['CORPUS_VERBOSE']) process.stdout.write(`${disagreements.join('\n')}\n`);
}, 600_000);
