/** `kinesis:putRecords` against the contract of runners, over the real SDK client and a double by botocore's model. */
import type { SubmissionOf } from 'sluice';
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

const signal = new AbortController().signal;

/** The measures of a job over records, of which the stream refuses the first as often as it is told to. */
async function countsOf(
  records: string[],
  { refusals = 0, resumed }: { refusals?: number; resumed?: number } = {},
) {
  let refused = 0;
  const handlers = {
    PutRecords: ({ Records }: { Records: object[] }) => {
      const isRefused = refused++ < refusals;
      return {
        ...(isRefused ? { FailedRecordCount: 1 } : {}),
        Records: Records.map((_, i) =>
          isRefused && i === 0
            ? { ErrorCode: 'ProvisionedThroughputExceededException', ErrorMessage: 'slow down' }
            : { SequenceNumber: String(i), ShardId: 'shardId-0' },
        ),
      };
    },
  };
  const { aws, settings } = await startAwsDouble({ service: 'kinesis', handlers });
  process.env['AUCTION_KINESIS_ENDPOINT'] = settings.endpoint;
  try {
    const runner = await putKinesisRecords.create({ s3: null, config: {} } as never);
    const Records = records.map((Data) => ({ Data, PartitionKey: Data }));
    const submission: SubmissionOf<'kinesis:putRecords'> = {
      job: { resource: 'kinesis:putRecords', parameters: { StreamName: 'events', Records } },
      ...{ key: 'a', run: 'run', step: 'put' },
    };
    const reference = await runner.submit(submission);
    const state = await runner.poll(submission, reference, signal, { resumed, keep: () => {} });
    expect(aws.violations).toEqual([]);
    return state.state === 'succeeded' ? state.result.measures : state;
  } finally {
    delete process.env['AUCTION_KINESIS_ENDPOINT'];
    await aws.stop();
  }
}

test('each record counts once as read and as written, also one that is put again, and those of an earlier await', async () => {
  const none = { rowsRejected: 0, valuesUnread: 0 };
  const three = { ...none, rowsRead: 3, rowsWritten: 3 };
  const records = ['a', 'b', 'c'];
  expect(await countsOf(records)).toEqual({ ...three, requests: 1 });
  expect(await countsOf(records, { refusals: 2 })).toEqual({ ...three, requests: 3 });
  expect(await countsOf(records, { resumed: 3 })).toEqual({ ...three, requests: 0 });
  expect(await countsOf([])).toEqual({ ...none, rowsRead: 0, rowsWritten: 0, requests: 0 });
});

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
