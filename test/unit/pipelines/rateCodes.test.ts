import { parseInput, rateCodesPipeline, type RateCodesInput } from '../../../src/pipelines';

test('rate-codes on EMR needs a cluster, and says so before anything starts', () => {
  expect(() => parseInput(rateCodesPipeline, { engine: 'elasticmapreduce' })).toThrow(
    'clusterId: missing; engine "elasticmapreduce" needs the id of the EMR cluster',
  );
  expect(
    parseInput<RateCodesInput>(rateCodesPipeline, { engine: 'elasticmapreduce', clusterId: 'j-1' }).clusterId,
  ).toBe('j-1');
  expect(parseInput<RateCodesInput>(rateCodesPipeline, {}).engine).toBe('livy');
});
