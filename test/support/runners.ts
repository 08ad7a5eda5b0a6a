import type { S3Client } from '@aws-sdk/client-s3';
import type { Resource } from '../../src/jobs';
import { RunnerRegistry, Runners, type AnyRunnerDefinition } from '../../src/runners';
import type { RunnerContext } from '../../src/runners/defineRunner';
import type { Runner } from '../../src/runners/runner';
import { Limiter } from '../../src/services/limiter';
import { readConfig, type Config } from '../../src/setup/config';

/** Runners of a test by resource; each stands in for the one that ships, on every engine. */
export type RunnersByResource = { [R in Resource]?: Runner<R> };

const shipped = new RunnerRegistry();

/** Definitions like those that ship, with the runners of a test. */
export function definitionsOf(runners: RunnersByResource): AnyRunnerDefinition[] {
  return Object.entries(runners).map(([resource, runner]) => ({
    ...shipped.find(resource),
    engines: ['aws', 'local'],
    create: () => runner,
  }));
}

/** What runners are made with, where a test says nothing else. */
export function runnerContext(given: Partial<RunnerContext> & { config?: Config } = {}): RunnerContext {
  return {
    config: readConfig({}),
    s3: {} as S3Client,
    jobsFolders: [],
    tasks: [],
    glueJobs: {},
    crawlers: {},
    work: new Limiter(4),
    ...given,
  };
}

/** The runners of one worker: those that ship, and a test's own in their places. */
export function runnersOf(runners: RunnersByResource, context: Partial<RunnerContext> = {}): Runners {
  return new Runners(new RunnerRegistry(definitionsOf(runners)), runnerContext(context));
}
