import { randomUUID } from 'node:crypto';
import { ServiceFault, type ServiceDouble } from '../../../../test/support/aws/double';

interface Export {
  ExportArn: string;
  token: string;
  bucket: string;
  state: string;
  started: Date;
  ended?: Date;
  input: Record<string, unknown>;
}

/** A page of ListExports: small, so that whoever reads only the first misses the rest. */
const PAGE = 2;

/** The exports of DynamoDB tables. */
export class DynamodbExportDouble implements ServiceDouble {
  readonly service = 'dynamodb';
  readonly exports = new Map<string, Export>();

  readonly handlers = {
    ExportTableToPointInTime: (input: { TableArn: string; S3Bucket: string; ClientToken?: string }) => {
      const { TableArn, S3Bucket: bucket, ClientToken: token = randomUUID() } = input;
      const earlier = [...this.exports.values()].find((known) => known.token === token);
      const number = String(this.exports.size).padStart(14, '0');
      const ExportArn = earlier?.ExportArn ?? `${TableArn}/export/${number}-a1b2c3d4`;
      const fresh: Export = { ExportArn, token, bucket, state: 'IN_PROGRESS', started: new Date(), input };
      if (!earlier) this.exports.set(ExportArn, fresh);
      return { ExportDescription: this.seen(earlier ?? fresh) };
    },
    DescribeExport: ({ ExportArn }: { ExportArn: string }) => {
      const known = this.exports.get(ExportArn);
      if (!known) throw new ServiceFault('ExportNotFoundException', `Export not found: ${ExportArn}`);
      return { ExportDescription: this.seen(known) };
    },
    ListExports: ({ TableArn = '', NextToken }: { TableArn?: string; NextToken?: string }) => {
      const all = [...this.exports.values()].filter(({ ExportArn }) => ExportArn.startsWith(TableArn));
      const at = Number(NextToken ?? 0);
      return {
        ExportSummaries: all
          .slice(at, at + PAGE)
          .map(({ ExportArn, state }) => ({ ExportArn, ExportStatus: state })),
        ...(at + PAGE < all.length ? { NextToken: String(at + PAGE) } : {}),
      };
    },
  };

  readonly control = {
    started: () => this.exports.size,
    running: () => [...this.exports.values()].filter(({ ended }) => ended === undefined).length,
    move: (state: string) => {
      const newest = [...this.exports.values()].at(-1)!;
      newest.state = state;
      if (state === 'COMPLETED' || state === 'FAILED') newest.ended = new Date();
    },
    forget: () => this.exports.clear(),
  };

  private seen({ ExportArn, token, bucket, state, started, ended }: Export) {
    const id = ExportArn.slice(ExportArn.lastIndexOf('/') + 1);
    return {
      ExportArn,
      ExportStatus: state,
      StartTime: started,
      ...(ended ? { EndTime: ended } : {}),
      ClientToken: token,
      S3Bucket: bucket,
      ...(state === 'COMPLETED'
        ? {
            ExportManifest: `exports/AWSDynamoDB/${id}/manifest-summary.json`,
            BilledSizeBytes: 2048,
            ItemCount: 7,
          }
        : {}),
      ...(state === 'FAILED'
        ? { FailureCode: 'S3NoSuchBucket', FailureMessage: 'the service says: no such column' }
        : {}),
    };
  }
}
