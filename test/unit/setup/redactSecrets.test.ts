import { redactSecrets } from '../../../src/setup/redactSecrets';

const CANARY = 'c4n4ry-S3cret';

test.each([
  `fetch http://user:${CANARY}@livy.example:8998/batches failed`,
  `fetch http://user:p@${CANARY}@livy.example/ failed`,
  `fetch http://${CANARY}@livy.example/ failed`,
  `Authorization: Bearer ${CANARY}`,
  `{"authorization":"Bearer ${CANARY}"}`,
  `{\\"authorization\\":\\"Basic ${CANARY}\\"}`,
  `authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20250101/eu-west-1/s3, Signature=${CANARY}`,
  `https://lake.s3.amazonaws.com/a?X-Amz-Signature=${CANARY}&X-Amz-Expires=60`,
  `https://lake.s3.amazonaws.com/a?X-Amz-Security-Token=${CANARY}&x=1`,
  `https://hooks.example.com/?token=${CANARY}`,
  `{"secretAccessKey":"${CANARY}","region":"eu-west-1"}`,
  `{'password': '${CANARY}'}`,
  `aws_secret_access_key=${CANARY}`,
  `PASSWORD="${CANARY} with spaces"`,
  `x-sluice-secret: ${CANARY}`,
  `psql --password ${CANARY} -h db`,
  `Cookie: a=1; session=${CANARY}`,
  `-----BEGIN RSA PRIVATE KEY-----\n${CANARY.replace(/-/g, '')}\n-----END`,
])('no secret is left in: %s', (text) => {
  expect(redactSecrets(text)).not.toMatch(new RegExp(`${CANARY}|${CANARY.replace(/-/g, '')}`));
});

test.each([
  'No step has a token; the design: see docs. Give SLUICE_WEBHOOK_SECRET: one secret or two.',
  's3://lake/sales/2020.csv: line 3 is no record (a@b.c)',
  'User: arn:aws:iam::1:user/me is not authorized to perform: glue:GetJobRuns on resource: x',
  'https://eu-west-1.console.aws.amazon.com/glue/home?region=eu-west-1#/x',
  "renew the worker's credentials: they are expired",
])('what holds no secret stays as it is: %s', (text) => {
  expect(redactSecrets(text)).toBe(text);
});

test.each(['a-', 'x-', '=', '"', '://', 'Bearer ', 'token', 'token="', '--', 'http://a', 'password: '])(
  'a megabyte of %j is gone through in under a second',
  (piece) => {
    const text = piece.repeat(Math.ceil(1_000_000 / piece.length));
    const startedAt = performance.now();
    redactSecrets(text);
    expect(performance.now() - startedAt).toBeLessThan(3_000);
  },
);
