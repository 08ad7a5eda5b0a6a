import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { QueryProcesses } from '../../../src/duckdb/queryProcesses';
import { makeStagingFolder, sweepStagingFolders } from '../../../src/duckdb/stagingFolders';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-processes-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const processes = new QueryProcesses({ memoryBytes: 100_000_000, spillBytes: 50_000_000, threads: 1 });

const run = (sql: string, signal = new AbortController().signal) =>
  processes.run({ sql, variables: {}, names: {}, maxRows: 10, tempFolder: folder, signal });

const CRASH = `CALL enable_logging(storage='file', storage_config={'path':'/x'}); SELECT 1`;

test('a statement that ends its process is tried twice, fails, and takes nobody with it', async () => {
  await expect(run(CRASH)).rejects.toMatchObject({
    code: 'JobFailed',
    message: expect.stringMatching(/^The query ended its process 2 times \(SIG\w+\); change the SQL/),
  });
  expect((await run('SELECT 7 AS n')).rows).toEqual([{ n: 7 }]);
}, 120_000);

test.each(['SET memory_limit = "8GB"', 'SET threads = 8', 'RESET memory_limit', 'SET temp_directory = "/"'])(
  'the SQL may not lift its limits: %s',
  async (statement) => {
    await expect(run(`${statement}; SELECT 1`)).rejects.toThrow('configuration has been locked');
  },
);

test('a query that is aborted ends, and the next one runs', async () => {
  const stop = new AbortController();
  const query = run('SELECT sum(a.i * b.i) FROM range(1_000_000) a(i), range(1_000_000) b(i)', stop.signal);
  stop.abort(new Error('enough'));
  await expect(query).rejects.toThrow('enough');
  expect((await run('SELECT 8 AS n')).rows).toEqual([{ n: 8 }]);
});

test('the folders of workers that have died are swept, and no others', async () => {
  const base = await mkdtemp(join(folder, 'base-'));
  const { pid } = spawnSync('true');
  const host = hostname().replace(/[^\w]/g, '_').slice(0, 60);
  const mine = await makeStagingFolder(base);
  const others = [`sluice-duckdb-elsewhere-${pid}-abc`, 'another'];
  for (const name of [...others, `sluice-duckdb-${host}-${pid}-abc`]) await mkdir(join(base, name));
  await sweepStagingFolders(base);
  expect((await readdir(base)).map((name) => join(base, name)).sort()).toEqual(
    [mine, ...others.map((name) => join(base, name))].sort(),
  );
});
