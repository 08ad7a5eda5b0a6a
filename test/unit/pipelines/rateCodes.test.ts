import { parseInput } from '../../../src/pipelines';
import { rateCodes } from '../../../src/workflows/rateCodes';

test('rate-codes on EMR needs a cluster, and says so before anything starts', () => {
  expect(() => parseInput(rateCodes.description, { engine: 'elasticmapreduce' })).toThrow(
    'clusterId: missing; engine "elasticmapreduce" needs the id of the EMR cluster',
  );
  expect(
    parseInput<Record<string, unknown>>(rateCodes.description, {
      engine: 'elasticmapreduce',
      clusterId: 'j-1',
    }).clusterId,
  ).toBe('j-1');
  expect(parseInput<Record<string, unknown>>(rateCodes.description, {}).engine).toBe('livy');
});
