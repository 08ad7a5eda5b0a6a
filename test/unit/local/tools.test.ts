import { chmod, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { SluiceError } from '../../../src/errors';
import {
  checkTools,
  ensureJars,
  ensurePythonPackages,
  ensureSpark,
  ensureTemporal,
  probeTools,
} from '../../../src/local/tools';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'sluice-tools-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function addProgram(name: string, output: string): Promise<void> {
  await writeFile(path.join(folder, name), `#!/bin/sh\necho '${output}'\n`);
  await chmod(path.join(folder, name), 0o755);
}

/** A machine without a network: nothing listens on port 1. */
const context = () => ({
  env: { PATH: folder },
  cache: path.join(folder, 'cache'),
  report: () => undefined,
  temporalDownloads: 'http://127.0.0.1:1',
});

test('all missing programs are named at once, each with its user and its remedy', async () => {
  const failure = await checkTools(['temporal', 's3Gateway', 'livy', 'spark'], context()).catch(
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(SluiceError);
  const { code, message } = failure as SluiceError;
  expect(code).toBe('MissingTool');
  expect(message).toMatch(/Go .*needed by the Temporal server .* and the S3 gateway .*go\.dev/);
  expect(message).toMatch(/Java 17 .*needed by Livy and Spark.*openjdk-17/);
  expect(message).toMatch(/Maven .*needed by Livy.*apt install maven/);
  expect(message).toMatch(/Python .*needed by Spark.*python3-venv/);
});

test('a Java that is too old is a missing one', async () => {
  await addProgram('java', 'openjdk version "11.0.2" 2019-01-15');
  await symlink('/bin/sh', path.join(folder, 'sh'));
  expect((await probeTools(context())).programs.java).toBe(false);
  await addProgram('java', 'openjdk version "17.0.15" 2025-04-15');
  expect((await probeTools(context())).programs.java).toBe(true);
});

test('a program on PATH is taken as it is and needs nothing else', async () => {
  await addProgram('temporal', 'temporal version 1');
  expect(await ensureTemporal(context())).toBe(path.join(folder, 'temporal'));
  const probe = await probeTools(context());
  expect(probe.available).toMatchObject({ temporal: true, s3Gateway: false, spark: false });
  expect(probe.spark).toBe(false);
  expect(probe.missingForSpark.sort()).toEqual(['java', 'mvn', 'python3']);
});

test('packages of PyPI without a Python name what they are for, and leave nothing half installed', async () => {
  const packages = { name: 'pysam-1', title: 'pysam, which reads BAM files', packages: ['pysam==1'] };
  const failure = await ensurePythonPackages(packages, context()).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: 'MissingTool' });
  expect((failure as SluiceError).message).toMatch(/Python .*needed by pysam, which reads BAM files/);
  expect((await readdir(context().cache)).filter((entry) => entry.includes('pysam'))).toEqual([]);
});

test('jars are asked of Maven by the first call, and later need Java alone', async () => {
  const jars = { title: 'the tool', coordinates: 'org.example:tool:1.2' };
  const missing = (await ensureJars(jars, context()).catch((error: unknown) => error)) as SluiceError;
  expect(missing.code).toBe('MissingTool');
  expect(missing.message).toMatch(/Java .*needed by the tool[^]*Maven .*needed by the tool/);
  await addProgram('java', 'openjdk version "17.0.15" 2025-04-15');
  await expect(ensureJars(jars, context())).rejects.toThrow('Maven');
  const folderOfJars = path.join(folder, 'cache', 'tool-1.2', 'jars');
  await mkdir(folderOfJars, { recursive: true });
  expect(await ensureJars(jars, context())).toEqual({
    java: path.join(folder, 'java'),
    jars: folderOfJars,
  });
});

test('a Java that cannot archive the classes of Spark is told of once, and Spark is there without them', async () => {
  await symlink('/bin/sh', path.join(folder, 'sh'));
  await addProgram('java', 'openjdk version "17.0.15" 2025-04-15');
  const sparkHome = path.join(folder, 'cache/pyspark-3.5.3/lib/python3.11/site-packages/pyspark');
  await mkdir(path.join(sparkHome, 'bin'), { recursive: true });
  const submit = path.join(sparkHome, 'bin', 'spark-submit');
  await writeFile(submit, '#!/bin/sh\necho no such option >&2\nexit 1\n', { mode: 0o755 });
  const lines: string[] = [];
  const report = (line: string) => lines.push(line);
  for (let i = 0; i < 2; i++)
    expect(await ensureSpark({ ...context(), report })).toMatchObject({ sparkHome });
  expect(lines.filter((line) => line.includes('no such option'))).toEqual([
    expect.stringMatching(/^Spark starts without shared classes: spark-submit /),
  ]);
});
