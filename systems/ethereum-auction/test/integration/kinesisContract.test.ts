/** `kinesis:putRecords` against the contract of runners, over the real SDK client and a double by botocore's model. */
import { testRunnerContract, type ContractFault, type ContractService } from 'sluice/testing';
import { startAwsDouble } from '../../../../test/support/aws/start';
import { putKinesisRecords } from '../../src/runners/putKinesisRecords';
import '../../src/runners/_kinesisParameters';

const FAULTS: Record<ContractFault, { type: string; status: number } | null> = {
  'answer lost': null,
  throttled: { type: 'ProvisionedThroughputExceededException', status: 400 },
  unavailable: { type: 'InternalFailure', status: 500 },
  full: { type: 'LimitExceededException', status: 400 },
  refused: { type: 'ResourceNotFoundException', status: 400 },
};

async function openStream(): Promise<ContractService> {
  let puts = 0;
  const handlers = {
    PutRecords: ({ Records }: { Records: object[] }) => {
      puts++;
      return {
        Records: Records.map((_, i) => ({ SequenceNumber: String(puts * 1000 + i), ShardId: 'shardId-0' })),
      };
    },
  };
  const { aws, settings } = await startAwsDouble({ service: 'kinesis', handlers });
  process.env['AUCTION_KINESIS_ENDPOINT'] = settings.endpoint;
  return {
    createRunner: () => putKinesisRecords.create({ s3: null, config: {} } as never) as never,
    started: () => puts,
    running: () => 0,
    move: () => {},
    forget: () => {},
    polls: () => aws.calls['PutRecords'] ?? 0,
    fail(_, fault, message) {
      const { type, status } = FAULTS[fault]!;
      aws.faults.push({ operation: 'PutRecords', type, status, message });
    },
    faultsLeft: () => aws.faults.length,
    async close() {
      delete process.env['AUCTION_KINESIS_ENDPOINT'];
      await aws.stop();
      expect(aws.violations).toEqual([]);
    },
  };
}

testRunnerContract(
  {
    definition: putKinesisRecords,
    job: {
      resource: 'kinesis:putRecords',
      parameters: { StreamName: 'events', Records: [{ Data: 'a\n', PartitionKey: 'a' }] },
    },
    open: openStream,
    states: { running: [], succeeded: '', failed: [] },
    failure: '',
    stoppable: false,
    canBeFull: false,
  },
  (title, body) => test(title, body),
);
