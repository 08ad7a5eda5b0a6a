import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const DIST = join(__dirname, '..', '..', '..', 'dist', 'src');

/** The packages of which a new process has loaded something when it ends. */
function packagesOf(file: string, args: string[]): Set<string> {
  const code = `
    process.argv = [process.argv[0], ${JSON.stringify(file)}, ...${JSON.stringify(args)}];
    process.stdout.write = process.stderr.write = () => true;
    process.on('exit', () => require('fs').writeSync(1, Object.keys(require.cache).join('\\n')));
    require(${JSON.stringify(file)});`;
  const files = execFileSync(process.execPath, ['-e', code], { cwd: tmpdir() }).toString().split('\n');
  return new Set(files.map((each) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(each)?.[1] ?? 'sluice'));
}

const AWS_OR_DUCKDB = /^@(aws-sdk|duckdb)\//;

test.each(['status', 'list', 'start'])(
  '%s waits for no client of AWS, no DuckDB and no worker to be loaded',
  (command) => {
    const packages = [...packagesOf(join(DIST, 'client.js'), [command, '--help'])];
    expect(packages).toContain('@temporalio/client');
    expect(packages.filter((name) => AWS_OR_DUCKDB.test(name) || name === '@temporalio/worker')).toEqual([]);
  },
);

test('a project that imports sluice loads the client of S3, and no DuckDB', () => {
  const packages = [...packagesOf(join(DIST, 'index.js'), [])];
  expect(packages.filter((name) => AWS_OR_DUCKDB.test(name) && !/^@aws-sdk\/(?!client-)/.test(name))).toEqual(
    ['@aws-sdk/client-s3'],
  );
});
