import type { StandardSchemaV1 } from '@standard-schema/spec';
import { SluiceError } from '../errors';
import type { Resource } from '../jobs';
import type { ParameterCheck } from '../pipelines/input';
import { classifyError } from '../services/failures';
import type { ClientSettings, RunnerContext, RunnerDefinition } from './defineRunner';
import * as registry from './registry';
import type { Runner } from './runner';

/** The resources that ship. */
export type ShippedResource = (typeof registry)[keyof typeof registry]['resource'];

/** A definition whatever its resource. */
export type AnyRunnerDefinition = RunnerDefinition;

/** The runners that ship, by the names of their resources. */
export const SHIPPED_RUNNERS: readonly AnyRunnerDefinition[] = (
  Object.values(registry) as AnyRunnerDefinition[]
).sort((a, b) => (a.resource < b.resource ? -1 : 1));

/** The definitions in force, by resource: those that ship, and a project's own, which may replace one that ships. */
export class RunnerRegistry {
  private readonly definitions: ReadonlyMap<string, AnyRunnerDefinition>;

  constructor(own: readonly AnyRunnerDefinition[] = []) {
    this.definitions = new Map([...SHIPPED_RUNNERS, ...own].map((runner) => [runner.resource, runner]));
  }

  /** In the order in which they are listed to people. */
  get resources(): Resource[] {
    return [...this.definitions.keys()] as Resource[];
  }

  /** Those whose jobs run inside the worker. */
  get inWorker(): Resource[] {
    return this.resources.filter((resource) => this.definitions.get(resource)!.runsInWorker === true);
  }

  /** Those whose permissions can be looked at without starting anything. */
  get probedResources(): Resource[] {
    return this.resources.filter((resource) => this.definitions.get(resource)!.probe !== undefined);
  }

  /** @throws SluiceError InvalidJob for a resource that nobody defined */
  find(resource: string): AnyRunnerDefinition {
    const found = this.definitions.get(resource);
    if (found) return found;
    throw new SluiceError('InvalidJob', `resource: ${this.describeUnknown(resource)}`);
  }

  /** What is wrong with a job's resource and parameters; empty when they are right. */
  readonly findParameterProblems: ParameterCheck = (resource, parameters) => {
    const definition = this.definitions.get(resource);
    if (definition === undefined) return [`resource: ${this.describeUnknown(resource)}`];
    const result = definition.parameters['~standard'].validate(parameters);
    if (result instanceof Promise)
      throw new TypeError(
        `${resource}: the schema of its parameters answers later; give one that checks at once`,
      );
    return (result.issues ?? []).map((issue) => {
      const problem = `parameters${pathOf(issue)}: ${issue.message}`;
      return issue.message === 'missing' ? `${problem}; ${resource} needs it` : problem;
    });
  };

  /**
   * Asks a resource's service for something that is not there. Resolves when the service lets us ask.
   * @throws SluiceError AccessDenied that names the missing permission, or what else is wrong (no region, no network)
   */
  async probe(resource: string, settings: ClientSettings = {}): Promise<void> {
    try {
      await this.find(resource).probe?.({ maxAttempts: 2, ...settings });
    } catch (error) {
      const failure = classifyError(error);
      // "There is no such thing", or "that is no id": whoever hears that was let in.
      if (failure.code !== 'InvalidJob' || /region/i.test(failure.message)) throw failure;
    }
  }

  private describeUnknown(resource: string): string {
    return `"${resource}" is no resource; give one of ${this.resources.join(', ')}`;
  }
}

function pathOf({ path = [] }: StandardSchemaV1.Issue): string {
  return path
    .map((part) => (typeof part === 'object' ? part.key : part))
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('');
}

/** The runners of one worker; each is made when the first job of its resource comes. */
export class Runners {
  private readonly made = new Map<string, Promise<Runner>>();

  constructor(
    readonly registry: RunnerRegistry,
    readonly context: RunnerContext,
  ) {}

  /** @throws SluiceError InvalidJob for an unknown resource, NoEngine for one that does not run here */
  async get(resource: string): Promise<Runner> {
    const definition = this.registry.find(resource);
    const { engines } = definition;
    const { config } = this.context;
    if (engines && !engines.includes(config.engines)) {
      const cure =
        config.engines === 'local'
          ? 'has no local engine: run the pipeline on AWS (SLUICE_ENGINES=aws), or give it a step that runs here; docs/local-mode.md lists them'
          : `has no engine with SLUICE_ENGINES=${config.engines}`;
      throw new SluiceError('NoEngine', `${resource} ${cure}`);
    }
    const made = this.made.get(resource) ?? (async () => definition.create(this.context))();
    this.made.set(resource, made);
    // What could not be made is tried again with the next job.
    made.catch(() => this.made.delete(resource));
    return made;
  }
}

/** The action that a denial names: `… is not authorized to perform: glue:GetJobRuns on resource …`. */
export function missingPermission(message: string): string | null {
  return /not authorized to perform: ([\w-]+:\w+)/.exec(message)?.[1] ?? null;
}
