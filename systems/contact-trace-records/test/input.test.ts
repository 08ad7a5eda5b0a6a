import { parseInput } from '../../../src/pipelines';
import { agentEvents } from '../../agent-events/src/pipelines/agentEvents';
import { contactTraceRecords } from '../src/pipelines/contactTraceRecords';

const agentEventsPipeline = agentEvents.description;
const contactTraceRecordsPipeline = contactTraceRecords.description;

test.each(['ctr/raw/', 'raw/', 'a b/c=1/'])('%s is a prefix of raw objects', (prefix) => {
  expect(parseInput(contactTraceRecordsPipeline, { prefix })).toMatchObject({ prefix });
});

test.each(['ctr/raw', '/', '/ctr/', 'a//b/', '../a/', 'ctr/*/', ''])(
  '%j is refused as a prefix',
  (prefix) => {
    expect(() => parseInput(contactTraceRecordsPipeline, { prefix })).toThrow(
      `prefix: ${JSON.stringify(prefix)}; give a prefix that ends in a slash, such as ctr/raw/`,
    );
  },
);

test('runs are started by raw objects at any depth', () => {
  const input = parseInput<Record<string, unknown>>(contactTraceRecordsPipeline, { lake: 's3://my-lake/' });
  expect(contactTraceRecordsPipeline.startedBy!(input)).toEqual(['s3://my-lake/ctr/raw/**']);
});

test('agent-events waits for what Firehose writes, unless raw objects are given', () => {
  const sourcesOf = (given: object) =>
    agentEventsPipeline.sources(parseInput<Record<string, unknown>>(agentEventsPipeline, given));
  expect(sourcesOf({})).toEqual(['s3://lake/agent-events/kfhconnectblog/**']);
  expect(sourcesOf({ prefix: 'agent-events/raw/' })).toEqual([]);
});
