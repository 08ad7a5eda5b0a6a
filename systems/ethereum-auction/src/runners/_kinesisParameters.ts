/** Records for a Kinesis stream: given, or the lines of an object in S3, so that they are in no history. */
export interface KinesisPutRecordsParameters {
  StreamName: string;
  /** As in Step Functions, `Data` is the text itself. Exactly one of `Records` and `Object`. */
  Records?: { Data: string; PartitionKey: string }[];
  /** Newline-delimited JSON; each line is a record, with its line break. */
  Object?: { Uri: string; PartitionKeyField: string };
}

declare module 'sluice' {
  interface JobParameters {
    'kinesis:putRecords': KinesisPutRecordsParameters;
  }
}
