import { readFile, rm, utimes } from 'node:fs/promises';
import { basename, join } from 'node:path';
import {
  countCalls,
  parseConcatenated,
  parseCsv,
  plainKeys,
  type ContactRecord,
} from '../../../packages/records/test/support/connect';
import { sluice } from '../../../test/support/cli';
import { describeWithRealData, realData } from '../../../test/support/data';
import { eventually } from '../../../test/support/eventually';
import { useLakeStack } from '../../../test/support/lakeStack';
import { isLong, testLong } from '../../../test/support/long';
import { portOffset } from '../../../test/support/portOffset';

const { env, pathOf, upload, readLake, filesIn, run, rowsOf } = useLakeStack('contact-trace-records', {
  spark: isLong,
  portOffset: portOffset(),
});

const sortedRows = async (path: string) =>
  parseCsv(await readLake(path))
    .rows.map((row) => row.join(','))
    .sort();

async function checkCalls(records: ContactRecord[]): Promise<void> {
  const expected = countCalls(records);
  expect(await sortedRows('ctr/queries/calls_per_agent.csv')).toEqual(expected.byAgent);
  expect(await sortedRows('ctr/queries/calls_per_agent_queue.csv')).toEqual(expected.byAgentAndQueue);
  expect(parseCsv(await readLake('ctr/queries/calls_per_agent.csv')).header).toEqual(['username', 'calls']);
  expect(parseCsv(await readLake('ctr/queries/calls_per_agent_queue.csv')).header).toEqual([
    'username',
    'queue_arn',
    'calls',
  ]);
}

test('an empty object gives tables without rows', async () => {
  await upload('ctr/raw/empty', '');
  await run('contact-trace-records', 'ctr-empty');
  await checkCalls([]);
  expect(await filesIn('ctr/raw')).toEqual([]);
}, 60_000);

let records: ContactRecord[] = [];

test('hard records reach the Parquet with every value, and the counts', async () => {
  const hard = [
    String.raw`{"Agent":{"Username":"ann","Big":9007199254740993,"Huge":123456789012345678901234567890},"Attributes":{"Call Reason":"}{","call-reason":"é\u00e9 😀"}}`,
    '{"Agent":null,"List":[{"A B":1},{"A B":2.5}]}',
    '{"Agent":{"Username":"bob"},"Queue":{"ARN":"arn:q/1"},"Attributes":{}}',
    '{}',
  ].join('');
  await upload('ctr/raw/2018/06/04/13/hard', `${hard}[1]{"Agent":`);
  await run('contact-trace-records', 'ctr-hard', 'prefix=ctr/raw/');
  records = parseConcatenated<ContactRecord>(hard);
  await checkCalls(records);
  const [hardFile] = (await filesIn('ctr/parquet/ctr')).filter((file) => file.includes('/hard-'));
  expect(
    await rowsOf(
      `SELECT agent.big::VARCHAR AS big, agent.huge AS huge, attributes.callreason AS reason, attributes.callreason_2 AS reason2, list FROM read_parquet('${hardFile}')`,
    ),
  ).toEqual([
    {
      big: '9007199254740993',
      huge: '123456789012345678901234567890',
      reason: '}{',
      reason2: 'éé 😀',
      list: null,
    },
    { big: null, huge: null, reason: null, reason2: null, list: [{ ab: 1 }, { ab: 2.5 }] },
    { big: null, huge: null, reason: null, reason2: null, list: null },
    { big: null, huge: null, reason: null, reason2: null, list: null },
  ]);
  const [rejected] = await filesIn('ctr/rejected');
  expect(
    (await readFile(rejected!, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { reason: string }).reason),
  ).toEqual(['a list, not an object', 'the record has no end']);
}, 60_000);

test('20,000 records, and attributes that came later, are added to what is there', async () => {
  const many = Array.from(
    { length: 20_000 },
    (_, i) =>
      `{"Agent":{"Username":"agent${i % 7}"},"Queue":{"ARN":"arn:q/${i % 3}","New":${i}},"Late Attribute":"${i}"}`,
  ).join('');
  await upload('ctr/raw/many', many);
  const before = await filesIn('ctr/parquet/ctr');
  await run('contact-trace-records', 'ctr-many', 'prefix=ctr/raw/');
  await checkCalls([...records, ...parseConcatenated<ContactRecord>(many)]);
  expect(await filesIn('ctr/parquet/ctr')).toEqual(expect.arrayContaining(before));
  const [table] = (await filesIn('.catalog/ctr')).filter((file) => file.endsWith('/ctr.json'));
  expect(await readFile(table!, 'utf8')).toContain('lateattribute');
}, 120_000);

test('flat files that are a day old are removed once they are converted; nothing is converted again', async () => {
  const flat = await filesIn('ctr/flatfiles');
  expect(flat).toHaveLength(2);
  const yesterday = new Date(Date.now() - 25 * 3_600_000);
  await utimes(flat[0]!, yesterday, yesterday);
  const counts = await readLake('ctr/queries/calls_per_agent.csv');
  const result = await run('contact-trace-records', 'ctr-again', 'prefix=ctr/raw/');
  expect(await filesIn('ctr/flatfiles')).toEqual([flat[1]]);
  expect(await readLake('ctr/queries/calls_per_agent.csv')).toBe(counts);
  expect(result['result']).toMatchObject({ chart: 's3://lake/ctr/queries/calls_per_agent.svg' });
  expect(await filesIn('ctr/parquet/ctr')).toHaveLength(3);
}, 60_000);

test('each object that arrives starts a run of its own, which flattens it and ends', async () => {
  const settings = env();
  const on = await sluice(['start', 'contact-trace-records', '--on-arrival', '-p', 'lake=s3://lake'], {
    env: settings,
  });
  expect(on.stderr).toBe('');
  const parquet = await filesIn('ctr/parquet/ctr');
  await upload('ctr/raw/arrived/one', '{"Agent":{"Username":"zoe"}}');
  await upload('ctr/raw/arrived/two', '{"Agent":{"Username":"zoe"}}{"A":1}');
  const started = async () => {
    const { stdout } = await sluice(['list', '--pipeline', 'contact-trace-records', '--json'], {
      env: settings,
    });
    const runs = JSON.parse(stdout) as { id: string; state: string }[];
    return runs.filter(({ id }) => !id.startsWith('ctr-'));
  };
  const ended = await eventually(
    started,
    (runs) => runs.length >= 2 && runs.every(({ state }) => state !== 'running'),
    { pauseMs: 500 },
  );
  expect(ended.map(({ state }) => state)).toEqual(['completed', 'completed']);
  expect(await filesIn('ctr/raw')).toEqual([]);
  expect((await filesIn('ctr/flatfiles')).filter((file) => /\/(one|two)-/.test(file))).toHaveLength(2);
  expect(await filesIn('ctr/parquet/ctr')).toEqual(parquet);
  await sluice(['start', 'contact-trace-records', '--on-arrival', '--off', '-p', 'lake=s3://lake'], {
    env: settings,
  });
}, 120_000);

// The suite holds the script against the task in packages/records, and what Glue is told in pipeline.test.
testLong(
  'on Glue, the same records give the same answers',
  async () => {
    const answers = await Promise.all(
      ['', '_queue'].map((of) => readLake(`ctr/queries/calls_per_agent${of}.csv`)),
    );
    const before = await filesIn('ctr/parquet/ctr');
    await upload(
      'ctr/raw/glue',
      '{"Agent":{"Username":"yan","Level":3},"Queue":{"ARN":"arn:q/9"}}{"Agent":null}',
    );
    await run('contact-trace-records', 'ctr-glue', 'prefix=ctr/raw/', 'engine=glue');
    const added = (await filesIn('ctr/parquet/ctr')).filter((file) => !before.includes(file));
    expect(added.map((file) => basename(file).replace(/-[0-9a-f]{16}/, ''))).toEqual(
      ['glue', 'one', 'two'].map((name) => `${name}.snappy.parquet`),
    );
    // What the arrivals of the test before have left: two calls of zoe, none of them with a queue.
    const [byAgent, byAgentAndQueue] = answers.map((text) => parseCsv(text).rows.map((row) => row.join(',')));
    expect(await sortedRows('ctr/queries/calls_per_agent.csv')).toEqual(
      [...byAgent!, 'yan,1', 'zoe,2'].sort(),
    );
    expect(await sortedRows('ctr/queries/calls_per_agent_queue.csv')).toEqual(
      [...byAgentAndQueue!, 'yan,arn:q/9,1', 'zoe,,2'].sort(),
    );
  },
  400_000,
);

describeWithRealData('on the shared data', () => {
  test('calls by agent, and by agent and queue, are those of the records', async () => {
    await rm(pathOf('ctr'), { recursive: true, force: true });
    await rm(pathOf('.catalog'), { recursive: true, force: true });
    const text = await readFile(join(realData, 'connect-ctr/ctr.json'), 'utf8');
    await upload('ctr/raw/2018/06/04/13/ctr.json', text);
    await run('contact-trace-records', 'ctr-real', 'prefix=ctr/raw/');
    const all = parseConcatenated<ContactRecord>(text);
    expect(all).toHaveLength(500);
    await checkCalls(all);
    const [flat] = await filesIn('ctr/flatfiles');
    const lines = (await readFile(flat!, 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(all.map(plainKeys));
    expect(await filesIn('ctr/raw')).toEqual([]);
    expect(await filesIn('ctr/rejected')).toEqual([]);
    expect(await readLake('ctr/queries/calls_per_agent.svg')).toContain('aria-roledescription="bar"');
    expect(await readLake('ctr/queries/calls_per_agent.html')).toContain('<td>agentone</td>');
  }, 60_000);
});
