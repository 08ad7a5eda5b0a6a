import { readConfig } from '../../../src/setup/config';

const UPLOADS = 'arn:aws:sns:eu-central-1:123456789012:uploads';
const CHINA = 'arn:aws-cn:sns:cn-north-1:123456789012:uploads.fifo';
const topicsOf = (SLUICE_SNS_TOPICS: string) => readConfig({ SLUICE_SNS_TOPICS }).webhook.topics;

test('topics are ARNs with commas or spaces between', () => {
  expect(readConfig({}).webhook.topics).toEqual([]);
  expect(topicsOf(`${UPLOADS},${CHINA}`)).toEqual([UPLOADS, CHINA]);
  expect(topicsOf(` ${UPLOADS} , ${CHINA} `)).toEqual([UPLOADS, CHINA]);
});

test.each([
  'uploads',
  `${UPLOADS}:subscription`,
  UPLOADS.replace('sns', 'sqs'),
  `${UPLOADS}*`,
  'arn:aws:sns:*:*:*',
])('the topic %s is refused by name', (arn) => {
  expect(() => topicsOf(arn)).toThrow(`SLUICE_SNS_TOPICS: "${arn}" is no topic`);
});
