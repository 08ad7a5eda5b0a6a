import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { DuckDBInstance } from '@duckdb/node-api';
import { runQuery, type TaskContext } from 'sluice';
import { getAddress } from 'viem';
import { ATHENA_QUERIES } from '../../src/pipelines/_athenaQueries';
import { parseRecords } from '../../src/readRecords';
import type { AuctionRecord } from '../../src/records';
import { awaitDelivery } from '../../src/tasks/awaitDelivery';
import { collectRecords } from '../../src/tasks/collectRecords';
import { drawSpend } from '../../src/tasks/drawSpend';
import { parseSpend } from '../../src/spendChart';
import { putText, getText } from '../../src/lakeObjects';
import { translateTrino, TRINO_SESSION } from '../../../../src/engines/trino';
import { loadParser } from '../../../../src/engines/trinoTree';
import { BIGINT, toDuckdb, toText, VARCHAR } from '../../../../src/engines/trinoTypes';
import { startS3, type LocalS3 } from '../support/localS3';

const JOBS = join(__dirname, '..', '..', 'jobs', 'ethereum-auction');
const QUERIES = Object.keys(ATHENA_QUERIES);
const signal = new AbortController().signal;

let lake: LocalS3;
let folder: string;
beforeAll(async () => {
  lake = await startS3();
  folder = await mkdtemp(join(tmpdir(), 'sluice-auction-answers-'));
}, 60_000);
afterAll(async () => {
  await lake.stop();
  await rm(folder, { recursive: true, force: true });
});

const context = () =>
  ({
    s3: lake.s3,
    signal,
    resumed: undefined,
    keep: () => {},
    report: () => {},
    log: { info: () => {}, warn: () => {} },
  }) as unknown as TaskContext;

let tables = 0;
/** The records as the pipeline collects them, in a local file, and the events that count. */
async function collect(text: string, wanted: { chain?: string; contract?: string } = {}) {
  const from = `s3://lake/t${++tables}/events/2026/01/01/00/a.json`;
  const to = `s3://lake/t${tables}/collected/`;
  await putText(lake.s3, from, { text, contentType: 'application/x-ndjson' });
  const { measures } = await collectRecords.run({ from: from.replace(/2026.*/, ''), to }, context());
  const records = join(folder, `records-${tables}.jsonl`);
  await writeFile(records, await getText(lake.s3, `${to}part-00000.jsonl`));
  const events = join(folder, `events-${tables}.parquet`);
  const { chain = '', contract = '' } = wanted;
  await runQuery({
    sql: await readFile(join(JOBS, 'current.sql'), 'utf8'),
    variables: { records: [records], chain, contract },
    names: {},
    output: { file: events, format: 'parquet' },
    maxRows: 1,
    tempFolder: folder,
    signal,
  });
  return { records, events, measures: measures!, chain, contract };
}
type Collected = Awaited<ReturnType<typeof collect>>;

async function byDuckdb(name: string, { events }: Collected): Promise<string> {
  const file = join(folder, `${name}-${tables}.csv`);
  const sql = await readFile(join(JOBS, `${name}.sql`), 'utf8');
  const output = { file, format: 'csv' } as const;
  await runQuery({
    sql,
    variables: { events: [events] },
    names: {},
    output,
    maxRows: 1,
    tempFolder: folder,
    signal,
  });
  return readFile(file, 'utf8');
}

const COLUMNS = [
  'id',
  'kind',
  'chain',
  'contract',
  'block',
  'blockhash',
  'timestamp',
  'bidder',
  'amount',
  'epoch',
];

/** Athena's text by the local engine of Athena's SQL. */
async function byAthena(name: string, { records, chain, contract }: Collected): Promise<string> {
  await loadParser();
  const columns = COLUMNS.map((column) => ({
    name: column,
    type: /block$|epoch/.test(column) ? BIGINT : VARCHAR,
  }));
  const types = columns.map((column) => `"${column.name}": '${toDuckdb(column.type)}'`);
  const rows = `SELECT * FROM read_json('${records}', format = 'newline_delimited', columns = {${types.join(', ')}})`;
  const table = { database: 'auctions', name: 'auction_records', columns, rows };
  const query = translateTrino(ATHENA_QUERIES[name]!({ table: table.name, chain, contract }), {
    database: table.database,
    find: () => table,
  });
  const selected = query.columns.map((column, i) => `${toText(column.type, `c${i}`)} AS "${column.name}"`);
  const file = join(folder, `athena-${name}-${tables}.csv`);
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  try {
    for (const statement of TRINO_SESSION) await connection.run(statement);
    await connection.run(
      `COPY (SELECT ${selected.join(', ')} FROM (${query.sql})) TO '${file}' (HEADER true)`,
    );
  } finally {
    connection.closeSync();
  }
  return readFile(file, 'utf8');
}

function toRecord(given: Partial<AuctionRecord>): AuctionRecord {
  return {
    Id: '',
    Kind: 'bid',
    Chain: '31337-00000000',
    Contract: '0x00000000000000000000000000000000000000aa',
    Block: 1,
    BlockHash: '0x01',
    Timestamp: '2026-01-01T00:00:00.000Z',
    Bidder: '0x00000000000000000000000000000000000000b1',
    Amount: '1',
    Epoch: 0,
    ...given,
  };
}
const lines = (records: Partial<AuctionRecord>[]) =>
  records.map((record) => `${JSON.stringify(toRecord(record))}\n`).join('');

test('amounts past 2^53, 2^128 and near 2^256 add up exactly, and Athena says the same', async () => {
  const most = 2n ** 256n - 1n;
  const amounts = [2n ** 53n + 1n, 2n ** 128n + 1n, most, most, 3n];
  const text = lines(amounts.map((amount, i) => ({ Id: `0x${i}:0`, Amount: String(amount) })));
  const collected = await collect(text);
  const sum = amounts.reduce((all, amount) => all + amount, 0n);
  expect(await byDuckdb('spend_per_block', collected)).toBe(`block,spend\n1,${sum}\n`);
  expect(await byAthena('spend_per_block', collected)).toBe(`block,spend\n1,${sum}\n`);
});

test('a record that came twice counts once, one of a block that is gone does not, one that came back does', async () => {
  const text = lines([
    { Id: '0xa:0', BlockHash: '0x01', Amount: '5' },
    { Id: '0xa:0', BlockHash: '0x01', Amount: '5' },
    { Id: '0xb:0', BlockHash: '0x02', Block: 2, Amount: '7' },
    { Id: '0x02', Kind: 'removed', BlockHash: '0x02', Block: 2, Epoch: 1, Amount: '0' },
    // The same transaction, mined again in another block.
    { Id: '0xb:0', BlockHash: '0x03', Block: 3, Amount: '7', Epoch: 1 },
    // A block that the chain left, and to which it went back.
    { Id: '0xc:0', BlockHash: '0x04', Block: 4, Amount: '9' },
    { Id: '0x04', Kind: 'removed', BlockHash: '0x04', Block: 4, Epoch: 1, Amount: '0' },
    { Id: '0xc:0', BlockHash: '0x04', Block: 4, Amount: '9', Epoch: 2 },
  ]);
  const collected = await collect(text);
  const expected = 'block,spend\n1,5\n3,7\n4,9\n';
  expect(await byDuckdb('spend_per_block', collected)).toBe(expected);
  expect(await byAthena('spend_per_block', collected)).toBe(expected);
});

test('an address counts as the same in any spelling: a correction takes back what a bid in another case says', async () => {
  const contract = getAddress('0x4bA2f66F1B956F1A1dEEA505D5AfD2095158Fe0F');
  const text = lines([
    { Id: '0xa:0', Contract: contract, Bidder: '0x00000000000000000000000000000000000000B1', Amount: '5' },
    { Id: '0xb:0', Contract: contract.toLowerCase(), Amount: '6' },
    { Id: '0xc:0', Contract: contract, BlockHash: '0x02', Block: 2, Amount: '7' },
    { Id: '0x02', Contract: contract.toLowerCase(), Kind: 'removed', BlockHash: '0x02', Block: 2, Epoch: 1 },
  ]);
  const collected = await collect(text, { contract: contract.toLowerCase() });
  for (const ask of [byDuckdb, byAthena])
    expect(await ask('spend_per_block', collected)).toBe('block,spend\n1,11\n');
  expect(await byDuckdb('funds', collected)).toBe(
    `contract,bidder,bids,withdrawn\n${contract},${getAddress(toRecord({}).Bidder)},11,0\n`,
  );
});

test('of two contracts in one stream, the answers are of the one that is asked for; withdrawals are no spend', async () => {
  const other = '0x00000000000000000000000000000000000000bB';
  const text = lines([
    { Id: '0xa:0', Amount: '5' },
    { Id: '0xb:0', Amount: '6', Contract: other },
    { Id: '0xc:0', Amount: '6', Contract: other, Kind: 'withdrawal', Block: 9 },
  ]);
  const collected = await collect(text, { contract: other.toLowerCase() });
  for (const ask of [byDuckdb, byAthena])
    expect(await ask('spend_per_block', collected)).toBe('block,spend\n1,6\n');
  expect(await byDuckdb('funds', collected)).toBe(
    `contract,bidder,bids,withdrawn\n${getAddress(other)},${getAddress(toRecord({}).Bidder)},6,6\n`,
  );
});

test('no record at all gives headers alone', async () => {
  const collected = await collect('');
  for (const name of QUERIES) {
    const answer = await byDuckdb(name, collected);
    expect(answer.trim().split('\n')).toHaveLength(1);
    expect(await byAthena(name, collected)).toBe(answer);
  }
});

test('rows that are no record are counted and shown, records without a line break are told apart', async () => {
  const good = lines([{ Id: '0xa:0' }]).trim();
  const text = `${good}${good.replace('0xa', '0xb')}\nno json\n${good.replace('"Amount":"1"', '"Amount":-1')}\n`;
  const { measures } = await collect(text);
  expect(measures).toEqual({ rowsRead: 2, rowsRejected: 2, valuesUnread: 0, rowsWritten: 2 });
  const rejected = await lake.readAll(`t${tables}/collected-rejected`);
  expect(
    rejected
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { reason: string }).reason),
  ).toEqual(['no JSON', 'no whole number of wei, or more than 2^256']);
  await expect(collect('no json\n')).rejects.toMatchObject({ code: 'BadData' });
});

test('a folder without any object is no place of records, unless the run itself may have put none; what was collected stays', async () => {
  const to = 's3://lake/kept/collected/';
  const from = 's3://lake/kept/in/';
  await putText(lake.s3, `${from}a.json`, { text: lines([{ Id: '0xa:0' }]), contentType: 'text/plain' });
  const read = (input: { from: string; mayBeEmpty?: boolean }) =>
    collectRecords.run({ to, ...input }, context());
  await read({ from });
  const before = await lake.readAll('kept/collected');
  await expect(read({ from: 's3://lake/kept/doesnotexist/' })).rejects.toMatchObject({
    code: 'BadData',
    message: expect.stringContaining('s3://lake/kept/doesnotexist/: no object is there'),
  });
  expect(await lake.readAll('kept/collected')).toBe(before);
  await read({ from: 's3://lake/kept/doesnotexist/', mayBeEmpty: true });
  expect(await lake.readAll('kept/collected')).toBe('');
});

test('a gzip that is broken or cut off is bad data, and its object is named', async () => {
  const whole = gzipSync(lines([{ Id: '0xa:0' }, { Id: '0xb:0', Bidder: `0x${'c'.repeat(40)}` }]));
  const read = async (Body: Buffer) => {
    await lake.s3.send(new PutObjectCommand({ Bucket: 'lake', Key: 'zipped/a.json.gz', Body }));
    const input = { from: 's3://lake/zipped/', to: 's3://lake/zipped-out/', maxBadShare: 1 };
    return collectRecords.run(input, context());
  };
  expect((await read(whole)).measures).toMatchObject({ rowsRead: 2 });
  for (const broken of [
    Buffer.from(lines([{}])),
    whole.subarray(0, whole.length - 20),
    whole.subarray(0, 20),
  ])
    await expect(read(broken)).rejects.toMatchObject({
      code: 'BadData',
      message: expect.stringContaining('s3://lake/zipped/a.json.gz: broken gzip'),
    });
});

test('what is waited for at the delivery is counted beside what is no record', async () => {
  const text = `${lines([{ Id: '0xa:0' }, { Id: '0xa:0' }, { Id: '0xb:0' }])}no json\n`;
  await putText(lake.s3, 's3://lake/delivered/2026/01/01/00/a.json', { text, contentType: 'text/plain' });
  const { Contract, Chain } = toRecord({});
  const { measures } = await awaitDelivery.run(
    {
      ...{ events: 's3://lake/delivered/', contract: Contract, chainName: Chain },
      ...{ records: 2, since: '2026-01-01T00:00:00.000Z' },
    },
    context(),
  );
  const rows = { rowsRead: 3, rowsRejected: 1, valuesUnread: 0, rowsWritten: 0 };
  expect(measures).toEqual({ ...rows, delivered: 2 });
});

test('the picture is of all rows of the answer, or is not drawn', async () => {
  const input = {
    ...{ table: 's3://lake/spend/t.csv', to: 's3://lake/spend/t.svg', page: 's3://lake/spend/t.html' },
    title: 'Spend',
  };
  const draw = async (text: string) => {
    await putText(lake.s3, input.table, { text, contentType: 'text/csv' });
    return (await drawSpend.run(input, context())).measures;
  };
  const rows = (count: number) => ({
    ...{ rowsRead: count, rowsRejected: 0, valuesUnread: 0, rowsWritten: count },
  });
  expect(await draw('block,spend\n')).toEqual(rows(0));
  expect(await draw(`"block","spend"\n"1","5"\n2,${2n ** 256n}\n`)).toEqual(rows(2));
  await expect(draw('block,spend\n1,5\n2,-1\n')).rejects.toMatchObject({
    code: 'BadData',
    message: expect.stringContaining('s3://lake/spend/t.csv, line 3: no block and spend: 2,-1'),
  });
  await expect(draw('a,b\n1,2\n')).rejects.toMatchObject({ code: 'BadData' });
});

test('an amount is that of the record itself, the last where it comes again, and not one within another value', () => {
  const { Contract, Timestamp, Bidder } = toRecord({});
  const rest = `"Contract":"${Contract}","Block":1,"Timestamp":"${Timestamp}","Bidder":"${Bidder}"`;
  const most = String(2n ** 256n - 1n);
  const amounts: [string, string][] = [
    [`{"Meta":{"Amount":5},${rest},"Amount":7000}`, '7000'],
    [`{"Note":"\\"Amount\\":5",${rest},"Amount":${most}}`, most],
    [`{"Amount":5,${rest},"Amount":7}`, '7'],
    [`{"Amount":5,${rest},"\\u0041mount" : 7 }`, '7'],
    [`{"Amount":7,${rest},"Meta":[{"Amount":5},[],{}]}`, '7'],
  ];
  for (const [line, Amount] of amounts) expect(parseRecords(line)).toMatchObject([{ Amount }]);
  for (const amount of ['7.0', '7e3', '-7', '[7]'])
    expect(parseRecords(`{${rest},"Amount":${amount}}`)).toMatchObject([{ column: 'Amount' }]);
  expect(parseRecords(`{${rest},"Amount":7,"Id":12345678901234567891}`)).toMatchObject([
    { Id: '12345678901234567891' },
  ]);
});

test('records of one line are told apart by what is JSON, also where their texts have braces', () => {
  const good = JSON.stringify({ Note: 'a}{b', More: '}\n{"', ...toRecord({ Id: '0xa:0' }) });
  const read = (line: string) => parseRecords(line).map((one) => ('reason' in one ? one.text : one.Id));
  expect(read(good)).toEqual(['0xa:0']);
  expect(read(`${good}${good} ${good}`)).toEqual(['0xa:0', '0xa:0', '0xa:0']);
  expect(read(`{"Note":"a}${good}`)).toEqual(['{"Note":"a}', '0xa:0']);
  expect(read(`${good}{"Id": }${good}`)).toEqual(['0xa:0', '{"Id": }', '0xa:0']);
  expect(read(`${good},${good}`)).toEqual([`${good},${good}`]);
  expect(read(`[${good}]`)).toEqual([`[${good}]`]);
  expect(read('{"a":[1}')).toEqual(['{"a":[1}']);
});

test.each([
  ['2018-06-12T14:00:03.309Z', '2018-06-12T14:00:03.309Z'],
  ['2018-06-12T14:00:03.309', '2018-06-12T14:00:03.309Z'],
  ['2018-06-12T14:00', '2018-06-12T14:00:00.000Z'],
  ['2018-06-12T14:00:03.123456+02:00', '2018-06-12T12:00:03.123Z'],
  ['2020-02-29T00:00:00Z', '2020-02-29T00:00:00.000Z'],
  ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
  ['9999-12-31T23:59:59Z', '9999-12-31T23:59:59.000Z'],
  ...[
    ...[
      'block 12',
      '7',
      '',
      '2018',
      '2018-06-12',
      '12 Jun 2018 14:00',
      '2018-06-12 14:00:00',
      ' 2018-06-12T14:00Z',
    ],
    ...['2018-02-30T00:00:00Z', '2019-02-29T00:00:00Z', '2018-13-01T00:00:00Z', '2018-06-12T25:00:00Z'],
    ...['2018-06-12T14:61:00Z', '2018-06-12T14:00:00+99:00', '2018-06-12T14:00:00Zulu'],
    ...[
      '0000-01-01T00:00:00Z',
      '0001-01-01T00:00:00+01:00',
      '9999-12-31T23:59:59-01:00',
      '+010000-01-01T00:00:00Z',
    ],
  ].map((text): [string, null] => [text, null]),
])('the time %j of a record is %j', (Timestamp, expected) => {
  expect(parseRecords(JSON.stringify(toRecord({ Timestamp })))).toMatchObject([
    expected === null ? { column: 'Timestamp' } : { Timestamp: expected },
  ]);
});

test('a time without zone is UTC, wherever the worker is', async () => {
  const script = `
    import { createJiti } from 'jiti';
    const { parseRecords } = await createJiti(process.cwd() + '/x').import('./src/readRecords.ts');
    console.log(parseRecords(process.argv[1])[0].Timestamp, new Date(0).getHours());`;
  const record = JSON.stringify(toRecord({ Timestamp: '2018-06-12T14:00:03' }));
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '-e', script, record],
    {
      cwd: join(__dirname, '..', '..'),
      env: { ...process.env, TZ: 'Asia/Tokyo' },
    },
  );
  expect(stdout).toBe('2018-06-12T14:00:03.000Z 9\n');
});

test('times and blocks that none is are counted and stop nothing; the least and the greatest are drawn', async () => {
  const [least, most] = ['0001-01-01T00:00:00Z', '9999-12-31T23:59:59Z'];
  const collected = await collect(
    lines([
      { Id: '0xa:0', Block: 0, Timestamp: least },
      { Id: '0xb:0', Block: 10 ** 15, Amount: '2' },
      { Id: '0xc:0', Block: 2 ** 53 - 1, Timestamp: most, Amount: '3' },
      { Id: '0xd:0', Block: -1 },
      { Id: '0xe:0', Block: 2 ** 53 },
      { Id: '0xf:0', Timestamp: '10000-01-01T00:00:00Z' },
    ]),
  );
  expect(collected.measures).toMatchObject({ rowsRead: 3, rowsRejected: 3 });
  for (const name of QUERIES) expect(await byAthena(name, collected)).toBe(await byDuckdb(name, collected));
  const spend = await byDuckdb('spend_per_block', collected);
  expect(spend).toBe(`block,spend\n0,1\n${10 ** 15},2\n${2 ** 53 - 1},3\n`);
  expect(parseSpend(spend, 's3://lake/spend.csv')).toHaveLength(3);
  expect(await byDuckdb('distinct_bidders_15s', collected)).toMatch(
    /\n0001-01-01T00:00:00.000Z,1\n.*\n9999-12-31T23:59:45.000Z,1\n$/,
  );
});

test('null is missing, and what is no text where one is expected is no record', async () => {
  const { Contract, Block, Timestamp, Bidder } = toRecord({});
  const older = { Contract, Block, Timestamp, Bidder, Amount: 5 };
  const nulls = { ...older, Id: null, Kind: null, Chain: null, BlockHash: null, Epoch: null };
  const [expected] = parseRecords(JSON.stringify(older));
  expect(expected).toMatchObject({ Id: '', Kind: 'bid', Chain: '', BlockHash: '', Epoch: 0 });
  expect(parseRecords(JSON.stringify(nulls))).toEqual([expected]);
  expect(parseRecords(JSON.stringify({ ...older, Id: 7 }))).toEqual([{ ...expected, Id: '7' }]);
  for (const column of ['Id', 'Chain', 'BlockHash'])
    for (const value of [{}, [], true])
      expect(parseRecords(JSON.stringify({ ...older, [column]: value }))).toMatchObject([{ column }]);
  for (const column of ['Contract', 'Block', 'Timestamp', 'Bidder', 'Amount'])
    expect(parseRecords(JSON.stringify({ ...older, [column]: null }))).toMatchObject([{ column }]);
  expect(parseRecords(JSON.stringify({ ...older, Bidder: [Bidder] }))).toMatchObject([{ column: 'Bidder' }]);

  const collected = await collect(`${JSON.stringify(nulls)}\n`.repeat(3));
  for (const ask of [byDuckdb, byAthena])
    expect(await ask('spend_per_block', collected)).toBe('block,spend\n1,15\n');
});

test('an amount that is a JSON number keeps all its digits', () => {
  const text = JSON.stringify(toRecord({}))
    .replace('"1"}', '"1"}')
    .replace('"Amount":"1"', '"Amount":12345678901234567890123');
  expect(parseRecords(text)).toMatchObject([{ Amount: '12345678901234567890123' }]);
  const past = JSON.stringify(toRecord({ Amount: String(2n ** 256n) }));
  expect(parseRecords(past)).toMatchObject([{ column: 'Amount' }]);
});

const data =
  process.env['SLUICE_TEST_DATA'] ?? join(__dirname, '..', '..', '..', '..', '..', 'shared', 'data');
const bids = join(data, 'ethereum-auction', 'bids.jsonl');
(existsSync(bids) ? describe : describe.skip)(`the public set (${bids})`, () => {
  /** The answers by plain loops over the lines. */
  function expected(text: string): Record<string, string> {
    const records = text
      .trim()
      .split('\n')
      .map(
        (line) => JSON.parse(line) as { Block: number; Timestamp: string; Bidder: string; Amount: number },
      );
    const windowOf = (time: string, seconds: number) =>
      new Date(Math.floor(Date.parse(time) / (seconds * 1000)) * seconds * 1000).toISOString();
    const table = (header: string, rows: [string, number][]) =>
      `${header}\n${rows.map(([key, value]) => `${key},${value}\n`).join('')}`;
    const sums = (keyOf: (record: (typeof records)[number]) => string) => {
      const found = new Map<string, number>();
      for (const record of records) found.set(keyOf(record), (found.get(keyOf(record)) ?? 0) + record.Amount);
      return [...found].sort(([a], [b]) => (a < b ? -1 : 1));
    };
    const distinct = (seconds: number) => {
      const found = new Map<string, Set<string>>();
      for (const { Timestamp, Bidder } of records) {
        const key = windowOf(Timestamp, seconds);
        found.set(key, (found.get(key) ?? new Set()).add(Bidder));
      }
      return [...found]
        .map(([key, set]): [string, number] => [key, set.size])
        .sort(([a], [b]) => (a < b ? -1 : 1));
    };
    return {
      spend_per_block_window: table(
        'window_start,block,spend',
        sums(({ Timestamp, Block }) => `${windowOf(Timestamp, 15)},${Block}`),
      ),
      spend_per_block: table(
        'block,spend',
        sums(({ Block }) => String(Block)),
      ),
      distinct_bidders_15s: table('window_start,distinct_bidders', distinct(15)),
      distinct_bidders_10s: table('window_start,distinct_bidders', distinct(10)),
    };
  }

  test('the four answers of DuckDB and of Athena are those of the data page, and the amounts add up to 3,736', async () => {
    const text = await readFile(bids, 'utf8');
    const answers = expected(text);
    const collected = await collect(text);
    for (const name of QUERIES) {
      expect(await byDuckdb(name, collected)).toBe(answers[name]);
      expect(await byAthena(name, collected)).toBe(answers[name]);
    }
    const spends = answers['spend_per_block']!.trim()
      .split('\n')
      .slice(1)
      .map((line) => Number(line.split(',')[1]));
    expect(spends.reduce((sum, spend) => sum + spend, 0)).toBe(3736);
  });
});

test('each analysis is there for both engines', async () => {
  const files = (await readdir(JOBS)).map((file) => file.replace('.sql', ''));
  expect(files).toEqual(expect.arrayContaining([...QUERIES, 'current', 'funds']));
});
