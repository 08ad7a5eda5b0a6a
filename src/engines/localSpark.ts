import { join } from 'node:path';
import { SluiceError } from '../errors';
import type { Job, JobReference } from '../jobs';
import { parseS3Uri } from '../pipelines/location';
import type { GlueJobs, RunnerContext } from '../runners/defineRunner';
import type { LivyCreateBatchParameters } from '../runners/livy';
import { connectLivy, type LivyRunner } from '../runners/livy/runner';
import type { JobState, Runner, SubmissionOf } from '../runners/runner';

/**
 * Local engines read the buckets as the plain folders that they are: `s3://lake/a` becomes `file:///…/s3/lake/a`, in
 * every text of the parameters that is an S3 URI as a whole.
 */
export function toLocalUri(s3Dir: string, text: string): string {
  const uri = parseS3Uri(text);
  if (uri === null) return text;
  if (uri.key.split('/').includes('..'))
    throw new SluiceError('InvalidJob', `${text}: leaves its bucket; take ".." out`);
  // Spark takes a path as it is and does not decode it, so nothing is encoded here but what a URI cannot do without.
  return `file://${join(s3Dir, uri.bucket, uri.key)}`;
}

function toLocal(s3Dir: string, parameters: LivyCreateBatchParameters): LivyCreateBatchParameters {
  const map = (texts: string[] | undefined) => texts?.map((text) => toLocalUri(s3Dir, text));
  const lists = Object.fromEntries(
    (['args', 'jars', 'pyFiles', 'files', 'archives'] as const).flatMap((name) =>
      parameters[name] ? [[name, map(parameters[name])]] : [],
    ),
  );
  // By this, what names a file can name the object that it is.
  const conf = { ...parameters.conf, 'spark.sluice.buckets': `file://${join(s3Dir, '/')}` };
  return { ...parameters, ...lists, conf, file: toLocalUri(s3Dir, parameters.file) };
}

/** `livy:createBatch` beside a local stack: the same job on the stack's Livy, with folders for buckets. */
export class LocalLivyRunner implements Runner<'livy:createBatch'> {
  readonly knowsAtOnce = true;

  constructor(
    private readonly livy: LivyRunner,
    private readonly s3Dir: string,
  ) {}

  submit(submission: SubmissionOf<'livy:createBatch'>): Promise<JobReference> {
    const job: Job<'livy:createBatch'> = {
      ...submission.job,
      parameters: toLocal(this.s3Dir, submission.job.parameters),
    };
    return this.livy.submit({ ...submission, job });
  }

  find(submission: SubmissionOf<'livy:createBatch'>) {
    return this.livy.find(submission);
  }

  poll(submission: SubmissionOf<'livy:createBatch'>, reference: JobReference) {
    return this.livy.poll(submission, reference);
  }

  stop(submission: SubmissionOf<'livy:createBatch'>) {
    return this.livy.stop(submission);
  }
}

/**
 * `glue:startJobRun` without AWS: the script that the project names for the job, on the stack's Spark through Livy, with
 * the arguments that Glue would pass.
 */
export class LocalGlueRunner implements Runner<'glue:startJobRun'> {
  readonly knowsAtOnce = true;

  /** @param scripts the folder that the paths of `glueJobs` are below */
  constructor(
    private readonly livy: LocalLivyRunner,
    private readonly glueJobs: GlueJobs,
    private readonly scripts: string,
  ) {}

  async submit(submission: SubmissionOf<'glue:startJobRun'>): Promise<JobReference> {
    const { JobName = '', Arguments } = submission.job.parameters;
    const script = Object.hasOwn(this.glueJobs, JobName) ? this.glueJobs[JobName]!.script : undefined;
    if (script === undefined) {
      throw new SluiceError(
        'InvalidJob',
        `No local script for the Glue job ${JobName}; name it among the project's glueJobs, which has: ${Object.keys(this.glueJobs).join(', ') || 'none'}`,
      );
    }
    const args = Object.entries(Arguments ?? {}).flat();
    const { ['--extra-py-files']: modules } = Arguments ?? {};
    const pyFiles = [`${this.scripts}/sluice_rows.py`, ...(modules?.split(',') ?? [])];
    const parameters = { file: `${this.scripts}/${script}`, args, pyFiles };
    return this.asGlue(await this.livy.submit(this.asLivy(submission, parameters)));
  }

  async find(submission: SubmissionOf<'glue:startJobRun'>): Promise<JobReference | null> {
    const found = await this.livy.find(this.asLivy(submission));
    return found && this.asGlue(found);
  }

  async poll(submission: SubmissionOf<'glue:startJobRun'>, reference: JobReference): Promise<JobState> {
    const state = await this.livy.poll(this.asLivy(submission), reference);
    return state.state === 'succeeded'
      ? { ...state, result: { ...state.result, resource: 'glue:startJobRun' } }
      : state;
  }

  stop(submission: SubmissionOf<'glue:startJobRun'>): Promise<void> {
    return this.livy.stop(this.asLivy(submission));
  }

  private asLivy(
    submission: SubmissionOf<'glue:startJobRun'>,
    parameters: LivyCreateBatchParameters = { file: '' },
  ) {
    return { ...submission, job: { resource: 'livy:createBatch' as const, parameters } };
  }

  private asGlue(reference: JobReference): JobReference {
    return { ...reference, resource: 'glue:startJobRun' };
  }
}

/** @throws SluiceError NoEngine without Livy */
export function createLocalGlue(context: RunnerContext): LocalGlueRunner {
  const { config, glueJobs } = context;
  const livy = new LocalLivyRunner(connectLivy(context, 'glue:startJobRun'), config.s3Dir!);
  return new LocalGlueRunner(livy, glueJobs, `${config.lake}/jobs`);
}
