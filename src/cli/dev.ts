import path from 'node:path';
import type { Command } from 'commander';
import { SluiceError } from '../errors';
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
      '--service <name...>',
      'with services of the projects in this one, which do not start by themselves',
    ),
  ).action(async (options: DevOptions) => {
    const { project } = await readProject(program);
    await withInterrupt((signal) => dev(options, project, signal));
  });
}

interface DevOptions extends StackCommandOptions, JsonOption {
  service?: string[];
}

async function dev(
  { json, service = [], ...options }: DevOptions,
  project: Project,
  signal: AbortSignal,
): Promise<void> {
  const dir = options.dir ?? defaultFolder(project);
  const stack = await startStack({
    ...options,
    dir,
    project: stackProject(project, service),
    report: note,
    signal,
  }).catch((error: unknown) => {
    if (signal.aborted) return null;
    throw error;
  });
  if (stack === null) return;
  const record = await recordDevStack(stack.info, project.root);
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

/** @throws SluiceError WrongUsage for a service that no project has */
function stackProject({ file, jobsFolders, services, furtherServices }: Project, asked: readonly string[]) {
  const unknown = asked.find(
    (name) => ![...services, ...furtherServices].some((known) => known.name === name),
  );
  if (unknown !== undefined) {
    const names = furtherServices.map(({ name }) => name).join(', ') || 'none';
    throw new SluiceError('WrongUsage', `--service ${unknown}: no such service; there are: ${names}`);
  }
  if (file === null) return undefined;
  const further = furtherServices.filter(({ name }) => asked.includes(name));
  return { file, jobsFolders, services: [...services, ...further] };
}

export function describeStack({ temporal, ui, s3, lake, glue, webhook, livy, dir, env }: StackInfo): string {
  const lines = [
    `Web UI    ${ui.url}`,
    `Temporal  ${temporal.address}`,
    `S3        ${s3.endpoint}  lake ${lake} is the folder ${dir}/s3/${lake.replace('s3://', '')}`,
    `Glue      ${glue.url}  the catalog of the lake`,
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
