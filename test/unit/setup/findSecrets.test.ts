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
  ['a password in an address of JDBC', { url: 'jdbc:postgresql://h/d?user=u&password=hunter2222' }, ['url']],
  ['a password after a semicolon', { url: 'jdbc:sqlserver://h:1433;user=u;password=hunter2222' }, ['url']],
  ['a user of Oracle', { url: 'jdbc:oracle:thin:scott/tiger@//h:1521/x' }, ['url']],
  ['a signature of Azure', { in: 'https://x.blob.core.windows.net/c?sv=1&sig=abcdef0123456789%3D' }, ['in']],
  ['a token in an address', { notify: 'http://host/x?token=abcdefghijk' }, ['notify']],
  ['an address in words', { about: 'post to https://host/x?access_token=abc when done' }, ['about']],
  ['the address of a webhook', { notify: 'https://hooks.slack.com/services/T0/B0/abc' }, ['notify']],
  ['a key in an address', { urls: ['https://host/x?a=1&api_key=abc'] }, ['urls[0]']],
  ['a password in an address of S3', { path: 's3://bucket/x?password=abc' }, ['path']],
  [
    'an address that is signed the old way',
    { url: 'https://b.s3.amazonaws.com/k?Signature=abc%3D&Expires=1&AWSAccessKeyId=x' },
    ['url'],
  ],
  ['a number as a password', { password: 5, nested: { db_pwd: 1234 } }, ['password', 'nested.db_pwd']],
  ['a list of passwords', { password: ['hunter2'] }, ['password[0]']],
  ['a setting by name and value', { env: [{ Name: 'DB_PASSWORD', Value: 'x' }] }, ['env[0].Value']],
  ['JSON in a text', { body: '{ "password": "x" }' }, ['body']],
  ['each of several', { apiKey: 'a', nested: { accessKey: 'b' } }, ['apiKey', 'nested.accessKey']],
])('%s looks like a secret', (_, input, expected) => {
  expect(findSecrets(input)).toEqual(expected);
});

test.each<[string, unknown]>([
  ['the ARN of a secret', { SecretArn: 'arn:aws:secretsmanager:x', secret: 'arn:aws:secretsmanager:x' }],
  ['the token of a request', { ClientRequestToken: 'abcdef', clientToken: 'x', nextToken: 'y' }],
  ['a file with a secret', { password: '/run/secrets/db', token: 's3://bucket/token' }],
  ['a container of Azure', { rootPath: 'abfss://container@account.dfs.core.windows.net/x' }],
  [
    'an address with parameters',
    { url: 'https://h/x?page_token=abc&nextToken=x&user=u&sslmode=require&v=1' },
  ],
  ['an address whose secret is elsewhere', { url: 'jdbc:mysql://h/d?password=${DB_PASSWORD}&token=' }],
  ['a partition', { path: 's3://lake/token=abc/x.csv', files: 'https://h/token=abc/x.csv' }],
  ['JSON in a text', { body: '{ "user": "x" }', broken: '{ "a": ' }],
  ['a name and a value', { tags: [{ Key: 'team', Value: 'secret-sauce' }] }],
  ['SQL', { sql: "select * from t where token='x' and secret = 'y'" }],
  ['words', { about: 'the password: see the handbook', passwordColumn: 'pw' }],
  ['no text', { password: null, token: 5, secret: '', maxTokens: 'many' }],
  ['nothing', undefined],
])('%s does not', (_, input) => {
  expect(findSecrets(input)).toEqual([]);
});
