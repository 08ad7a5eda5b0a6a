import type { KinesisClient } from '@aws-sdk/client-kinesis';
import type { S3Client } from '@aws-sdk/client-s3';
import {
  defineRunner,
  markerOf,
  SluiceError,
  succeeded,
  type JobReference,
  type JobState,
  type Progress,
  type Runner,
  type SubmissionOf,
} from 'sluice';
import { z } from 'zod';
import { getText } from '../lakeObjects';
import { createKinesis } from '../streams/kinesisClient';
import { putRecords, type StreamRecord } from '../streams/putRecords';
import type { KinesisPutRecordsParameters } from './_kinesisParameters';

const PARAMETERS = z
  .strictObject({
    StreamName: z.string().min(1),
    Records: z
      .array(z.strictObject({ Data: z.string(), PartitionKey: z.string().min(1).max(256) }))
      .optional(),
    Object: z
      .strictObject({ Uri: z.string().startsWith('s3://'), PartitionKeyField: z.string().min(1) })
      .optional(),
  })
  .refine(({ Records, Object }) => (Records === undefined) !== (Object === undefined), {
    message: 'give either Records or Object',
  });

/**
 * `kinesis:putRecords`, run inside the worker: the poll puts the batches and keeps how far it is, so another worker goes on
 * from there. At most one batch comes twice, and its records have ids.
 */
class KinesisPutRecordsRunner implements Runner<'kinesis:putRecords'> {
  readonly worksInPoll = true;

  constructor(
    private readonly kinesis: KinesisClient,
    private readonly s3: S3Client,
  ) {}

  submit({ key }: SubmissionOf<'kinesis:putRecords'>): Promise<JobReference> {
    const submittedAt = new Date().toISOString();
    return Promise.resolve({
      resource: 'kinesis:putRecords',
      externalId: markerOf(key),
      key,
      url: null,
      submittedAt,
    });
  }

  find(): Promise<null> {
    return Promise.resolve(null);
  }

  async poll(
    { job: { parameters } }: SubmissionOf<'kinesis:putRecords'>,
    reference: JobReference,
    signal: AbortSignal,
    progress: Progress,
  ): Promise<JobState> {
    try {
      const records = await this.readRecords(parameters, signal);
      const done = typeof progress.resumed === 'number' ? progress.resumed : 0;
      const requests = await putRecords({
        kinesis: this.kinesis,
        stream: parameters.StreamName,
        records,
        done,
        signal,
        onBatch: (count) => progress.keep(count),
      });
      const { length } = records;
      const rows = { rowsRead: length, rowsRejected: 0, valuesUnread: 0, rowsWritten: length };
      return succeeded(reference, { measures: { ...rows, requests } });
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      const { code, message } = error;
      if (code === 'BadData' || code === 'ObjectGone') return { state: 'failed', code, message };
      throw error;
    }
  }

  /** The puts end with the await that makes them: an await is cancelled before its job is stopped. */
  async stop(): Promise<void> {}

  private async readRecords(
    { Records, Object: object }: KinesisPutRecordsParameters,
    signal: AbortSignal,
  ): Promise<StreamRecord[]> {
    if (Records !== undefined)
      return Records.map(({ Data, PartitionKey }) => ({ data: Data, key: PartitionKey }));
    const { Uri, PartitionKeyField } = object!;
    const lines = (await getText(this.s3, Uri, signal)).split('\n').filter((line) => line !== '');
    return lines.map((line, i) => {
      const key = keyOf(line, PartitionKeyField);
      if (typeof key !== 'string' || key === '')
        throw new SluiceError('BadData', `${Uri}: line ${i + 1} has no ${PartitionKeyField}`);
      return { data: `${line}\n`, key };
    });
  }
}

/** The value of a field of a JSON object; nothing for what is none. */
function keyOf(line: string, field: string): unknown {
  try {
    return (JSON.parse(line) as Record<string, unknown> | null)?.[field];
  } catch {
    return undefined;
  }
}

export const putKinesisRecords = defineRunner({
  resource: 'kinesis:putRecords',
  parameters: PARAMETERS,
  runsInWorker: true,
  create: ({ s3 }) => new KinesisPutRecordsRunner(createKinesis(), s3),
});
