import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  defineTask,
  field,
  listKeys,
  parseFolder,
  publishOutput,
  runQuery,
  SluiceError,
  stageInput,
} from 'sluice';

const NAME = 'part-00000.parquet';

/** Joins Parquet files into one, which their bytes cannot be: DuckDB reads the rows and writes them anew. */
export const compactParquet = defineTask(
  {
    name: 'compact-parquet',
    about: 'Joins the Parquet files of a folder into one.',
    input: { src: field.folder(), dest: field.folder() },
    findProblems: ({ src, dest }) => (src === dest ? ['dest: is src; give another folder'] : []),
  },
  async ({ src, dest }, { s3, signal }) => {
    const { bucket, prefix } = parseFolder(src);
    const keys = (await listKeys(s3, bucket, prefix, signal)).filter(
      (key) => /\.parq(uet)?$/i.test(key) && !/(^|\/)[_.]/.test(key.slice(prefix.length)),
    );
    if (keys.length === 0) throw new SluiceError('InvalidJob', `${src} has no Parquet files; correct src`);
    const folder = await mkdtemp(join(tmpdir(), 'sluice-compact-'));
    try {
      const staged: { path: string; uri: string }[] = [];
      for (const [at, key] of keys.sort().entries()) {
        const own = await mkdtemp(join(folder, `${at}-`));
        staged.push(...(await stageInput(s3, `s3://${bucket}/${key}`, own, signal)));
      }
      const { rowCount } = await runQuery({
        sql: "SELECT * FROM read_parquet(getvariable('files'), union_by_name = true)",
        variables: { files: staged.map(({ path }) => path) },
        names: Object.fromEntries(staged.map(({ path, uri }) => [path, uri])),
        output: { file: join(folder, NAME), format: 'parquet' },
        maxRows: 0,
        tempFolder: folder,
        signal,
      });
      await publishOutput(s3, join(folder, NAME), dest, NAME, signal);
      const rows = { rowsRead: rowCount, rowsRejected: 0, valuesUnread: 0, rowsWritten: rowCount };
      return { output: dest, measures: { objectsRead: keys.length, ...rows } };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
);
