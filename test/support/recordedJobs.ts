import type { TestWorkflowEnvironment } from '@temporalio/testing';
import type { Job, JobResult } from '../../src/jobs';
import type { AnyRunnerDefinition } from '../../src/runners';
import type { Runner, SubmissionOf } from '../../src/runners/runner';
import type { AnyPipeline } from '../../src/workflows/steps/pipelineDefinition';
import { quietRuntime, startServer, startTestWorker } from './environment';
import { succeeded } from './scriptedRunner';

const RESOURCES = [
  'worker:task',
  'glue:startJobRun',
  'glue:startCrawler',
  'athena:startQueryExecution',
] as const;

/**
 * A worker with a pipeline for the tests of a file, on services that do as they are told, at once.
 * @param answers what their jobs answer besides, by step
 * @param definitions of a project's own resources, which have the same service
 * @returns every job that a service was given, by step, and what runs the pipeline to its end
 */
export function useRecordedJobs(
  { description, file }: Pick<AnyPipeline, 'description' | 'file'>,
  answers: Record<string, Partial<JobResult>>,
  definitions: readonly AnyRunnerDefinition[] = [],
) {
  let environment: TestWorkflowEnvironment;
  let worker: Awaited<ReturnType<typeof startTestWorker>>;
  const { service, jobs } = recordJobs(answers);

  beforeAll(async () => {
    quietRuntime();
    environment = await startServer();
    worker = await startTestWorker(environment, {
      runners: Object.fromEntries(RESOURCES.map((resource) => [resource, service])),
      definitions: definitions.map((definition) => ({ ...definition, create: () => service })),
      files: [file!],
    });
  }, 120_000);

  afterAll(async () => {
    await worker?.stop();
    await environment?.teardown();
  }, 60_000);

  const run = (workflowId: string, ...args: object[]): Promise<unknown> =>
    environment.client.workflow.execute(description.name, { taskQueue: 'test', workflowId, args });
  return { jobs, run };
}

function recordJobs(answers: Record<string, Partial<JobResult>>) {
  const jobs: Record<string, Job> = {};
  const service: Runner = {
    submit({ job, key, step }) {
      jobs[step] = job;
      const externalId = answers[step]?.externalId ?? step;
      return Promise.resolve({ resource: job.resource, externalId, key, url: null, submittedAt: '' });
    },
    find: () => Promise.resolve(null),
    poll({ step }: SubmissionOf<'worker:task'>, reference) {
      const { result } = succeeded(reference) as { result: JobResult };
      return Promise.resolve({ state: 'succeeded', result: { ...result, ...answers[step] } });
    },
    stop: () => Promise.resolve(),
  };
  return { service, jobs };
}
