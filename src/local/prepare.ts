import {
  checkTools,
  ensureAwsTestTools,
  ensureLivyAndSpark,
  ensureS3Gateway,
  ensureTemporal,
  ensureTemporalTestServer,
} from './tools';

/** Installs all that the tests and the local stack run on: `node dist/src/local/prepare.js`. */
async function prepare(): Promise<void> {
  const context = { env: process.env, report: (line: string) => console.error(line) };
  await checkTools(['temporal', 'temporalTestServer', 's3Gateway', 'livy', 'spark', 'awsTestTools'], context);
  const results = await Promise.allSettled([
    ensureTemporal(context),
    ensureS3Gateway(context),
    ensureTemporalTestServer(context),
    ensureLivyAndSpark(context),
    ensureAwsTestTools(context),
  ]);
  for (const result of results) {
    if (result.status === 'rejected') throw result.reason;
  }
}

prepare().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
