import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ensureSpark } from '../../../src/local';
import { joinOptions, sparkOptions } from '../../../src/local/sparkStart';

const run = promisify(execFile);

test('options with spaces and quotes are joined as the launcher of Spark takes them apart', () => {
  expect(joinOptions(['-Xmx1g', '-Da=b c', '-Dd="e"'])).toBe('-Xmx1g "-Da=b c" "-Dd=\\"e\\""');
});

test('Spark starts from the classes that were archived when it was installed', async () => {
  const { sparkHome, classes } = await ensureSpark({ env: process.env, report: () => {} });
  await access(classes);
  const submit = (archive: string) => {
    // Java ends at once when it cannot share.
    const options = sparkOptions(archive).map((option) => option.replace('-Xshare:auto', '-Xshare:on'));
    const env = { ...process.env, SPARK_HOME: sparkHome, SPARK_SUBMIT_OPTS: joinOptions(options) };
    return run(join(sparkHome, 'bin', 'spark-submit'), ['--version'], { env });
  };
  expect((await submit(classes)).stderr).toContain('version 3.5.3');
  await expect(submit(`${classes}.none`)).rejects.toThrow();
}, 60_000);
