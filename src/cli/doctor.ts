import { HeadBucketCommand } from '@aws-sdk/client-s3';
import { temporal } from '@temporalio/proto';
import type { Client } from '@temporalio/client';
import type { Command } from 'commander';
import pc from 'picocolors';
import { missingPermission, type RunnerRegistry } from '../runners';
import { createLivyPort } from '../runners/livy/runner';
import type { Config } from '../setup/config';
import { connectClient, temporalSettings } from '../setup/connect';
import { connectS3 } from '../setup/connectS3';
import { redactSecrets } from '../setup/redactSecrets';
import { within } from '../services/within';
import { SluiceError } from '../errors';
import type { Resource } from '../jobs';
import { type Pipeline } from '../pipelines';
import { parseS3Uri } from '../pipelines/location';
import { checkWebhook, parseWebhookUrl } from './checkWebhook';
import { EXIT, describeError } from './errors';
import { addJson, type JsonOption } from './options';
import { print, printJson, visibleOf } from './output';
import { readProject } from './project';
import { hasColor } from './render';
import { SEARCH_ATTRIBUTES } from '../contracts/searchAttributes';
import { findMissingSearchAttributes } from '../setup/registerSearchAttributes';

/** What a check found; `remedy` says what to mend when it is not ok. */
interface Finding {
  name: string;
  ok: boolean;
  detail: string;
  remedy: string | null;
}

const { TASK_QUEUE_TYPE_WORKFLOW } = temporal.api.enums.v1.TaskQueueType;
const LIVY_TIMEOUT_MS = 5_000;
/** A server that takes a connection and says nothing must not keep what else is known from whoever asks. */
const CHECK_TIMEOUT_MS = 8_000;
/** The test event has limits of its own. */
const WEBHOOK_TIMEOUT_MS = 60_000;
const NO_ANSWER = 'no answer within';

interface DoctorOptions extends JsonOption {
  resource?: string[];
  webhook?: string;
}

function resourcesOf(pipelines: readonly Pipeline[]): Resource[] {
  return [...new Set(pipelines.flatMap(({ resources }) => resources ?? []))];
}

/** @throws SluiceError WrongUsage for a resource whose service cannot be asked */
function checkedResources(given: readonly string[], registry: RunnerRegistry): Resource[] {
  return given.map((value) => {
    const found = registry.probedResources.find((resource) => resource === value);
    if (found) return found;
    const cure = `Give one of ${registry.probedResources.join(', ')}`;
    throw new SluiceError(
      'WrongUsage',
      `--resource ${value}: there is no such resource to look at. ${cure}.`,
    );
  });
}

export function addDoctor(program: Command): void {
  const command = program
    .command('doctor')
    .description('check Temporal, worker, S3, AWS credentials and Livy, and say what to mend')
    .option('--resource <resource...>', 'with AWS engines, check these; default those of the pipelines')
    .option(
      '--webhook <url>',
      'send a test event through this webhook, with SLUICE_WEBHOOK_SECRET',
      parseWebhookUrl,
    )
    .addHelpText(
      'after',
      '\nExamples:\n  $ sluice doctor\n  $ sluice doctor --webhook https://sluice.example.com\n  $ sluice doctor --resource glue:startJobRun lambda:invoke',
    );
  addJson(command).action(async ({ json, resource, webhook }: DoctorOptions) => {
    const { pipelines, registry, config } = await readProject(program);
    const resources = resource ? checkedResources(resource, registry) : resourcesOf(pipelines);
    const { findings, isReachable } = await checkAll({ config, registry, resources, webhook });
    const ok = findings.every((finding) => finding.ok);
    if (json) printJson({ ok, checks: findings });
    else print(findings.map(renderFinding).join('\n'));
    process.exitCode = !isReachable ? EXIT.unreachable : ok ? EXIT.ok : EXIT.failed;
  });
}

interface Findings {
  findings: Finding[];
  /** Whether each server answers whose absence has an exit code of its own. */
  isReachable: boolean;
}

interface CheckAll {
  config: Config;
  registry: RunnerRegistry;
  resources: readonly Resource[];
  webhook: string | undefined;
}

async function checkAll({ config, registry, resources, webhook }: CheckAll): Promise<Findings> {
  const [temporal, through, ofResources, ...others] = await Promise.all([
    checkTemporal(config),
    webhook === undefined ? { findings: [], isReachable: true } : checkThrough(webhook, config),
    checkResources({ config, registry, resources }),
    checkLake(config),
    checkCredentials(config),
    checkLivy(config),
  ]);
  const rest = others.filter((finding) => finding !== null);
  return {
    findings: [...temporal.findings, ...rest, ...ofResources, ...through.findings],
    isReachable: temporal.isReachable && through.isReachable,
  };
}

async function checkThrough(url: string, config: Config): Promise<Findings> {
  let isReachable = true;
  const remedy = 'See docs/webhook.md, "When nothing arrives".';
  const checkIt = async () => {
    const client = await connectClient(config);
    try {
      return await checkWebhook(url, client, config);
    } catch (error) {
      isReachable = describeError(error).code !== 'ServerUnreachable';
      throw error;
    } finally {
      await client.connection.close();
    }
  };
  const finding = await check('webhook', remedy, checkIt, WEBHOOK_TIMEOUT_MS);
  return { findings: [finding], isReachable };
}

async function checkTemporal(config: Config): Promise<Findings> {
  let client: Client;
  try {
    client = await connectClient(config);
  } catch (error) {
    if (describeError(error).code !== 'ServerUnreachable') throw error;
    const { address } = temporalSettings();
    const detail = `cannot be reached at ${address}`;
    const remedy = 'Start a local stack with "sluice dev", or set TEMPORAL_ADDRESS to your server.';
    return { findings: [{ name: 'Temporal', ok: false, detail, remedy }], isReachable: false };
  }
  try {
    const { address, namespace } = temporalSettings();
    const server = await check(
      'Temporal',
      'Set TEMPORAL_NAMESPACE and TEMPORAL_API_KEY to what your server has.',
      async () => {
        await client.workflowService.describeNamespace({ namespace });
        return `${address}, namespace ${namespace}`;
      },
    );
    if (!server.ok) return { findings: [server], isReachable: !server.detail.startsWith(NO_ANSWER) };
    const findings = [server, await checkSearchAttributes(client), await checkWorker(client, config)];
    return { findings, isReachable: true };
  } finally {
    await client.connection.close();
  }
}

function checkSearchAttributes(client: Client): Promise<Finding> {
  const command = Object.entries(SEARCH_ATTRIBUTES)
    .map(([name, type]) => `--name ${name} --type ${type}`)
    .join(' ');
  const remedy = `Register them: temporal operator search-attribute create ${command}`;
  return check('search attributes', remedy, async () => {
    const missing = await findMissingSearchAttributes(client.connection, client.options.namespace);
    if (missing.length > 0) throw new Error(`not registered: ${missing.join(', ')}`);
    return 'registered';
  });
}

function checkWorker(client: Client, { taskQueue }: Config): Promise<Finding> {
  return check('worker', 'Start one with "sluice worker" and the same SLUICE_TASK_QUEUE.', async () => {
    const { namespace } = client.options;
    const request = { namespace, taskQueue: { name: taskQueue }, taskQueueType: TASK_QUEUE_TYPE_WORKFLOW };
    const { pollers } = await client.workflowService.describeTaskQueue(request);
    const names = new Set((pollers ?? []).map(({ identity }) => identity));
    if (names.size === 0) throw new Error(`none polls the task queue ${taskQueue}`);
    return `${[...names].join(', ')} on the task queue ${taskQueue}`;
  });
}

async function checkLake({ lake }: Config): Promise<Finding> {
  const s3 = connectS3();
  const remedy =
    'See that S3 runs and answers; set SLUICE_LAKE to a bucket that exists and that the credentials may list, AWS_ENDPOINT_URL_S3 for another S3.';
  try {
    return await check('S3', remedy, async (abortSignal) => {
      const head = new HeadBucketCommand({ Bucket: parseS3Uri(lake)!.bucket });
      await s3.send(head, { abortSignal }).catch((error: unknown) => {
        // An answer to HEAD has no text, so the SDK knows only the status.
        const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
        if (status === 404) throw new Error(`the bucket of ${lake} does not exist`);
        if (status === 403) throw new Error(`no access to ${lake}`);
        throw error;
      });
      return lake;
    });
  } finally {
    s3.destroy();
  }
}

async function checkCredentials({ engines }: Config): Promise<Finding | null> {
  if (engines !== 'aws') return null;
  const s3 = connectS3();
  try {
    return await check(
      'AWS',
      'Set credentials and region as for the AWS CLI, for example AWS_PROFILE and AWS_REGION.',
      async () => {
        const [{ accessKeyId }, region] = await Promise.all([s3.config.credentials(), s3.config.region()]);
        return `access key ${accessKeyId.slice(0, 4)}…, region ${region}`;
      },
    );
  } finally {
    s3.destroy();
  }
}

/** One finding a resource: whether its service lets this worker look at its jobs. */
async function checkResources({
  config,
  registry,
  resources,
}: Omit<CheckAll, 'webhook'>): Promise<Finding[]> {
  if (config.engines !== 'aws') return [];
  return Promise.all(
    resources.map(async (resource) => {
      const finding = await check(
        resource,
        `Attach ${registry.find(resource).policy ?? 'the policy of its runner'} to the worker's role.`,
        async () => {
          await registry.probe(resource);
          return 'allowed';
        },
      );
      const permission = missingPermission(finding.detail);
      return permission === null ? finding : { ...finding, detail: `${permission} is not allowed` };
    }),
  );
}

async function checkLivy({ livyUrl, livyAuth, livyCa }: Config): Promise<Finding> {
  if (livyUrl === null) {
    return {
      name: 'Livy',
      ok: true,
      detail: 'SLUICE_LIVY_URL is not set; only jobs of livy:createBatch need it',
      remedy: null,
    };
  }
  return check(
    'Livy',
    'Start Livy, or set SLUICE_LIVY_URL, SLUICE_LIVY_AUTH and SLUICE_LIVY_CA.',
    async () => {
      await createLivyPort(livyUrl, { auth: livyAuth, ca: livyCa, timeoutMs: LIVY_TIMEOUT_MS }).probe();
      return livyUrl;
    },
  );
}

/** @param body is told when its time is over, and not waited for any more */
async function check(
  name: string,
  remedy: string,
  body: (signal: AbortSignal) => Promise<string>,
  timeoutMs = CHECK_TIMEOUT_MS,
): Promise<Finding> {
  try {
    const detail = await within(timeoutMs, body, `${NO_ANSWER} ${timeoutMs / 1000} s`);
    return { name, ok: true, detail, remedy: null };
  } catch (error) {
    return { name, ok: false, detail: redactSecrets(describeError(error).message), remedy };
  }
}

function renderFinding(finding: Finding): string {
  const { name, ok, detail, remedy } = visibleOf(finding);
  const colors = pc.createColors(hasColor());
  const line = `${ok ? colors.green('ok    ') : colors.red('failed')}  ${name}: ${detail}`;
  return remedy === null ? line : `${line}\n        ${remedy}`;
}
