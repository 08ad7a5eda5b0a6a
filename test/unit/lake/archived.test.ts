/** Objects that S3 keeps in an archive, as S3 and stores that say less answer for them. */
import { tmpdir } from 'node:os';
import type { S3Client } from '@aws-sdk/client-s3';
import { stageInput } from '../../../src/lake/lakeFiles';
import { startAnsweringS3 } from '../../support/s3';

/** Of each key, the error of a GET, and the headers of a HEAD. */
const OBJECTS: Record<string, [code: string, headers: Record<string, string>]> = {
  'said.csv': ['InvalidObjectState', { 'x-amz-storage-class': 'GLACIER' }],
  'unsaid.csv': ['AccessDenied', { 'x-amz-storage-class': 'DEEP_ARCHIVE' }],
  'tier.csv': [
    'AccessDenied',
    { 'x-amz-storage-class': 'INTELLIGENT_TIERING', 'x-amz-archive-status': 'ARCHIVE_ACCESS' },
  ],
  'restored.csv': [
    'AccessDenied',
    { 'x-amz-storage-class': 'GLACIER', 'x-amz-restore': 'ongoing-request="false", expiry-date="x"' },
  ],
  'instant.csv': ['AccessDenied', { 'x-amz-storage-class': 'GLACIER_IR' }],
};

let answering: Awaited<ReturnType<typeof startAnsweringS3>>;
let s3: S3Client;

beforeAll(async () => {
  answering = await startAnsweringS3(({ method, url }, response) => {
    const [code, headers] = OBJECTS[new URL(url!, 'http://s3').pathname.replace('/lake/', '')]!;
    if (method === 'HEAD') response.writeHead(200, headers).end();
    else
      response
        .writeHead(403, { 'content-type': 'application/xml' })
        .end(`<Error><Code>${code}</Code><Message>no</Message></Error>`);
  });
  s3 = answering.s3;
});

afterAll(() => answering.stop());

const stage = (key: string) => stageInput(s3, `s3://lake/${key}`, tmpdir(), new AbortController().signal);

test.each(['said.csv', 'unsaid.csv', 'tier.csv'])('%s, which is archived, is to be restored first', (key) =>
  expect(stage(key)).rejects.toMatchObject({
    code: 'Archived',
    message: expect.stringMatching(new RegExp(`^s3://lake/${key} is archived; restore it first`)),
  }),
);

test.each(['restored.csv', 'instant.csv'])('%s, which can be read, is denied for another reason', (key) =>
  expect(stage(key)).rejects.toMatchObject({ name: 'AccessDenied' }),
);
