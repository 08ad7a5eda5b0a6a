import { definePipeline, field } from 'sluice/workflow';

export const hello = definePipeline(
  {
    name: 'hello',
    about: 'Waits for a CSV file, counts its rows, and writes a report.',
    input: { lake: field.s3({ about: 'the bucket that it reads and writes', default: 's3://lake' }) },
    schedule: { cron: '0 6 * * *', about: 'daily, 06:00' },
    sources: ({ lake }) => [`${lake}/inbox/*.csv`],
    startedBy: ({ lake }) => [`${lake}/inbox/*.csv`],
  },
  async (run, { lake }) => {
    // Also a file that is there already.
    const since = '1970-01-01T00:00:00Z';
    const [file] = await run.waitForArrivals('wait for a file', `${lake}/inbox/*.csv`, { since });
    const { bucket, key, versionId, etag } = file;
    const sql = "SELECT count(*) AS rows FROM sluice_csv('file', {name: 'VARCHAR'})";
    const inputs = { file: { bucket, key, versionId, etag } };
    const output = { location: `${lake}/report`, format: 'csv' as const };
    await run.job('write report', { resource: 'duckdb:query', parameters: { sql, inputs, output } });
    return { file: `s3://${bucket}/${key}`, report: output.location };
  },
);
