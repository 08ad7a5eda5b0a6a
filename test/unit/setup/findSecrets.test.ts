import { findSecrets } from '../../../src/setup/findSecrets';

test.each<[string, unknown, string[]]>([
  ['a member whose name says so', { password: 'hunter2' }, ['password']],
  [
    'a setting of Spark',
    { conf: { 'spark.hadoop.fs.s3a.secret.key': 'abc' } },
    ['conf.spark.hadoop.fs.s3a.secret.key'],
  ],
  ['a user in an address', { jdbc: 'postgresql://etl:pw@db/x' }, ['jdbc']],
  ['a flag and its value', { args: ['--db-password', 'pw12345'] }, ['args']],
  ['a flag with its value', { args: ['--token=abc'] }, ['args[0]']],
  ['an access key of AWS', { a: [{ b: 'AKIAIOSFODNN7EXAMPLE' }] }, ['a[0].b']],
  ['a private key', { pem: '-----BEGIN PRIVATE KEY-----\nMII' }, ['pem']],
  ['a signed address', { url: 'https://b.s3.amazonaws.com/k?X-Amz-Signature=abc' }, ['url']],
  ['a bearer token in a header', { headers: ['Authorization: Bearer abcdefghijklmnopqrst'] }, ['headers[0]']],
  ['each of several', { apiKey: 'a', nested: { accessKey: 'b' } }, ['apiKey', 'nested.accessKey']],
])('%s looks like a secret', (_, input, expected) => {
  expect(findSecrets(input)).toEqual(expected);
});

test.each<[string, unknown]>([
  ['the ARN of a secret', { SecretArn: 'arn:aws:secretsmanager:x', secret: 'arn:aws:secretsmanager:x' }],
  ['the token of a request', { ClientRequestToken: 'abcdef', clientToken: 'x', nextToken: 'y' }],
  ['a file with a secret', { password: '/run/secrets/db', token: 's3://bucket/token' }],
  ['a container of Azure', { rootPath: 'abfss://container@account.dfs.core.windows.net/x' }],
  ['SQL', { sql: "select * from t where token='x' and secret = 'y'" }],
  ['words', { about: 'the password: see the handbook', passwordColumn: 'pw' }],
  ['no text', { password: null, token: 5, secret: '', maxTokens: 'many' }],
  ['nothing', undefined],
])('%s does not', (_, input) => {
  expect(findSecrets(input)).toEqual([]);
});
