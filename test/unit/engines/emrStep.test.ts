import { parseSparkSubmit } from '../../../src/engines/emrStep';

function step(Args: string[], Jar = 'command-runner.jar') {
  return { ClusterId: 'j-1', Step: { Name: 'load', HadoopJarStep: { Jar, Args } } };
}

test('a spark-submit becomes the Livy batch that runs the same', () => {
  const parsed = parseSparkSubmit(
    step([
      ...['spark-submit', '--deploy-mode', 'cluster', '--master=yarn', '--verbose', '--class', 'a.B'],
      ...['--conf', 'spark.x=a=b', '--conf=spark.y=1', '--py-files', 's3://lake/a.zip,s3://lake/b.py'],
      ...['--jars', 's3://lake/c.jar', '--executor-cores', '2', '--driver-memory', '1g'],
      ...['s3://lake/jobs/a.py', '--conf', 'of-the-script', 's3://lake/in'],
    ]),
  );
  expect(parsed).toEqual({
    file: 's3://lake/jobs/a.py',
    args: ['--conf', 'of-the-script', 's3://lake/in'],
    className: 'a.B',
    conf: { 'spark.x': 'a=b', 'spark.y': '1' },
    pyFiles: ['s3://lake/a.zip', 's3://lake/b.py'],
    jars: ['s3://lake/c.jar'],
    executorCores: 2,
    driverMemory: '1g',
  });
});

test('a step that is no spark-submit has no engine, and an unknown option names the known ones', () => {
  const thrown = (parameters: ReturnType<typeof step>): unknown => {
    try {
      return parseSparkSubmit(parameters);
    } catch (error) {
      return error;
    }
  };
  expect(thrown(step(['hive-script', 'x']))).toMatchObject({
    code: 'NoEngine',
    message: expect.stringContaining('The step load runs command-runner.jar hive-script') as string,
  });
  expect(thrown(step(['spark-submit'], 's3://lake/own.jar'))).toMatchObject({ code: 'NoEngine' });
  expect(thrown(step(['spark-submit', '--proxy', 'x', 'a.py']))).toMatchObject({
    code: 'InvalidJob',
    message: expect.stringContaining('--py-files') as string,
  });
  expect(thrown(step(['spark-submit', '--class', 'a.B']))).toMatchObject({ code: 'InvalidJob' });
});
