import path from 'node:path';
import type { Command } from 'commander';
import { cacheFolder, startStack, type StackInfo } from '../local';
import { untilAborted, withInterrupt } from './interrupt';
import { addJson, type JsonOption } from './options';
import { note, print, printJson } from './output';
import type { Project } from '../project';
import { readProject } from './project';
import { projectDataFolder, recordDevStack } from './devStack';
import { addStackOptions, type StackCommandOptions } from './stackOptions';

export function addDev(program: Command): void {
  const command = program
    .command('dev')
    .description(
      'run the local stack until Ctrl-C: Temporal with Web UI, S3, Livy and Spark, worker, webhook',
    )
    .addHelpText('after', '\nExample:\n  $ sluice dev --no-spark --port-offset 100');
  addJson(
    addStackOptions(command).option(
      '--dynamodb',
      'with a DynamoDB API, whose tables last as long as the stack',
    ),
  ).action(async (options: DevOptions) => {
    const { project } = await readProject(program);
    await withInterrupt((signal) => dev(options, project, signal));
  });
}

interface DevOptions extends StackCommandOptions, JsonOption {
  dynamodb?: true;
}

async function dev({ json, ...options }: DevOptions, project: Project, signal: AbortSignal): Promise<void> {
  const dir = options.dir ?? defaultFolder(project);
  const stack = await startStack({
    ...options,
    dir,
    project: stackProject(project),
    report: note,
    signal,
  }).catch((error: unknown) => {
    if (signal.aborted) return null;
    throw error;
  });
  if (stack === null) return;
  const record = await recordDevStack(stack.info);
  try {
    if (json) printJson(stack.info);
    else print(describeStack(stack.info));
    const crash = await Promise.race([stack.crashed, untilAborted(signal)]);
    if (crash) throw crash;
    note('Ending the local stack');
  } finally {
    await record.remove();
    await stack.stop();
  }
}

/** A project keeps its data with it; outside of one they are in the cache. */
function defaultFolder({ root }: Project): string {
  return root === null ? path.join(cacheFolder(process.env), 'dev') : projectDataFolder(root);
}

function stackProject({ file, jobsFolders, services }: Project) {
  return file === null ? undefined : { file, jobsFolders, services };
}

export function describeStack({ temporal, ui, s3, lake, webhook, livy, dir, env }: StackInfo): string {
  const lines = [
    `Web UI    ${ui.url}`,
    `Temporal  ${temporal.address}`,
    `S3        ${s3.endpoint}  lake ${lake} is the folder ${dir}/s3/${lake.replace('s3://', '')}`,
    `webhook   ${webhook.url}`,
    `Livy      ${livy?.url ?? 'none (--no-spark)'}`,
    `logs      ${dir}/logs`,
    '',
    'For another terminal:',
    ...Object.entries(env).map(([name, value]) => `  export ${name}=${quote(value)}`),
    '',
    'Ctrl-C ends all of it.',
  ];
  return lines.join('\n');
}

function quote(value: string): string {
  return /^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replace(/'/g, `'\\''`)}'`;
}
