import type { Command } from 'commander';
import type { Config } from '../setup/config';
import { type Pipeline } from '../pipelines';
import type { Field } from '../pipelines/input';
import { addJson, readInput, type JsonOption } from './options';
import { formatTable, print, printJson } from './output';
import { readProject } from './project';

export function addPipelines(program: Command): void {
  const command = program
    .command('pipelines')
    .description('the pipelines, with input, sources and schedule')
    .addHelpText('after', '\nExample:\n  $ sluice pipelines --json');
  addJson(command).action(async ({ json }: JsonOption) => {
    const { pipelines, config } = await readProject(program);
    const described = pipelines.map((pipeline) => ({
      ...pipeline,
      sources: sourcesOf(pipeline, config),
    }));
    if (json) return printJson(described);
    print(described.map(describePipeline).join('\n\n'));
  });
}

/** The sources for the usual input; a pipeline that needs input of its own has none to show. */
function sourcesOf(pipeline: Pipeline, config: Config): string[] {
  const needsInput = Object.values(pipeline.input).some(
    (field) => field.default === undefined && !field.optional,
  );
  return needsInput ? [] : pipeline.sources(readInput(pipeline, {}, config));
}

function describePipeline({
  name,
  about,
  input,
  sources,
  schedule,
}: Omit<Pipeline, 'sources'> & { sources: string[] }): string {
  const lines = [name, `  ${about}`];
  if (sources.length > 0) lines.push(`  waits for: ${sources.join(', ')}`);
  if (schedule) lines.push(`  schedule: ${schedule.about} (${schedule.cron})`);
  const rows = Object.entries(input).map(([field, description]) => [
    `  ${field}`,
    ...describeField(description),
  ]);
  lines.push(formatTable(['  INPUT', 'KIND', 'DEFAULT', 'ABOUT'], rows));
  return lines.join('\n');
}

function describeField(field: Field): string[] {
  const kind = field.choices ? field.choices.join(' | ') : field.kind;
  const fallback = typeof field.default === 'string' ? field.default : JSON.stringify(field.default);
  return [kind, fallback ?? (field.optional ? '' : 'required'), field.about];
}
