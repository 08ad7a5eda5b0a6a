import { SluiceError } from '../errors';
import type { JobParameters, JobReference } from '../jobs';
import type { RunnerContext } from '../runners/defineRunner';
import type { LivyCreateBatchParameters } from '../runners/livy';
import { connectLivy } from '../runners/livy/runner';
import { LocalLivyRunner } from './localSpark';
import type { JobState, Runner, SubmissionOf } from '../runners/runner';

/** Options of spark-submit that take a value and have a field of Livy's. https://spark.apache.org/docs/latest/submitting-applications.html */
const FIELDS: Record<string, (value: string, batch: LivyCreateBatchParameters) => void> = {
  '--class': (value, batch) => (batch.className = value),
  '--jars': (value, batch) => (batch.jars = value.split(',')),
  '--py-files': (value, batch) => (batch.pyFiles = value.split(',')),
  '--files': (value, batch) => (batch.files = value.split(',')),
  '--archives': (value, batch) => (batch.archives = value.split(',')),
  '--driver-memory': (value, batch) => (batch.driverMemory = value),
  '--executor-memory': (value, batch) => (batch.executorMemory = value),
  '--driver-cores': (value, batch) => (batch.driverCores = Number(value)),
  '--executor-cores': (value, batch) => (batch.executorCores = Number(value)),
  '--num-executors': (value, batch) => (batch.numExecutors = Number(value)),
  '--conf': (value, batch) => {
    const [name = '', ...rest] = value.split('=');
    batch.conf = { ...batch.conf, [name]: rest.join('=') };
  },
  // Where the cluster would run it; here there is one place.
  '--master': () => {},
  '--deploy-mode': () => {},
  '--name': () => {},
  '--queue': () => {},
};

/** `elasticmapreduce:addStep` without AWS: a step that is a spark-submit, on the stack's Spark through Livy. */
export class LocalEmrStepRunner implements Runner<'elasticmapreduce:addStep'> {
  readonly knowsAtOnce = true;

  constructor(private readonly livy: LocalLivyRunner) {}

  async submit(submission: SubmissionOf<'elasticmapreduce:addStep'>): Promise<JobReference> {
    return asStep(await this.livy.submit(asLivy(submission)));
  }

  async find(submission: SubmissionOf<'elasticmapreduce:addStep'>): Promise<JobReference | null> {
    const found = await this.livy.find(asLivy(submission));
    return found && asStep(found);
  }

  async poll(
    submission: SubmissionOf<'elasticmapreduce:addStep'>,
    reference: JobReference,
  ): Promise<JobState> {
    const state = await this.livy.poll(asLivy(submission), reference);
    return state.state === 'succeeded'
      ? { ...state, result: { ...state.result, resource: 'elasticmapreduce:addStep' } }
      : state;
  }

  stop(submission: SubmissionOf<'elasticmapreduce:addStep'>): Promise<void> {
    return this.livy.stop(asLivy(submission));
  }
}

function asStep(reference: JobReference): JobReference {
  return { ...reference, resource: 'elasticmapreduce:addStep' };
}

function asLivy(submission: SubmissionOf<'elasticmapreduce:addStep'>): SubmissionOf<'livy:createBatch'> {
  const parameters = parseSparkSubmit(submission.job.parameters);
  return { ...submission, job: { resource: 'livy:createBatch', parameters } };
}

/**
 * The Livy batch of a step whose JAR is `command-runner.jar` and whose command is spark-submit.
 * @throws SluiceError NoEngine for another step, InvalidJob for an option that is unknown
 */
export function parseSparkSubmit({
  Step,
}: JobParameters['elasticmapreduce:addStep']): LivyCreateBatchParameters {
  const { Jar = '', Args = [] } = Step.HadoopJarStep ?? {};
  const [command, ...rest] = Args;
  if (
    !/(^|\/)command-runner\.jar$/.test(Jar) ||
    command === undefined ||
    !/(^|\/)spark-submit$/.test(command)
  ) {
    throw new SluiceError(
      'NoEngine',
      `The step ${Step.Name} runs ${[Jar, command].filter(Boolean).join(' ')}; locally only command-runner.jar with spark-submit has an engine. Run the pipeline on AWS (SLUICE_ENGINES=aws), or make the step a spark-submit.`,
    );
  }
  const batch: LivyCreateBatchParameters = { file: '' };
  for (let i = 0; i < rest.length; i++) {
    const argument = rest[i]!;
    if (argument === '--verbose') continue;
    if (!argument.startsWith('-')) return { ...batch, file: argument, args: rest.slice(i + 1) };
    // Both `--conf a=b` and `--conf=a=b`.
    const [, option = argument, inline] = /^(--[^=]+)=(.*)$/s.exec(argument) ?? [];
    const value = inline ?? rest[++i];
    const set = FIELDS[option];
    if (set === undefined || value === undefined) {
      throw new SluiceError(
        'InvalidJob',
        `The step ${Step.Name}: spark-submit's option ${option} has no local counterpart; there are: ${Object.keys(FIELDS).join(', ')}`,
      );
    }
    set(value, batch);
  }
  throw new SluiceError('InvalidJob', `The step ${Step.Name}: spark-submit has no script or JAR`);
}

/** @throws SluiceError NoEngine without Livy */
export function createLocalEmrStep(context: RunnerContext): LocalEmrStepRunner {
  const livy = connectLivy(context, 'elasticmapreduce:addStep');
  return new LocalEmrStepRunner(new LocalLivyRunner(livy, context.config.s3Dir!));
}
