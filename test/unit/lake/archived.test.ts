/** Objects that S3 keeps in an archive, as S3 and stores that say less answer for them. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { S3Client } from '@aws-sdk/client-s3';
import { stageInput } from '../../../src/lake/lakeFiles';

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

let server: Server;
let s3: S3Client;

beforeAll(async () => {
  server = createServer(({ method, url }, response) => {
    const [code, headers] = OBJECTS[new URL(url!, 'http://s3').pathname.replace('/lake/', '')]!;
    if (method === 'HEAD') response.writeHead(200, headers).end();
    else
      response
        .writeHead(403, { 'content-type': 'application/xml' })
        .end(`<Error><Code>${code}</Code><Message>no</Message></Error>`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  s3 = new S3Client({
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
  });
});

afterAll(async () => {
  s3.destroy();
  await new Promise((resolve) => server.close(resolve));
});

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
