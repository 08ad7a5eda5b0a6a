import path from 'node:path';
import type { Command } from 'commander';
import { initProject } from '../project/initProject';
import { addJson, type JsonOption } from './options';
import { print, printJson } from './output';

export function addInit(program: Command): void {
  const command = program
    .command('init')
    .description('write a project that runs: a pipeline, its test, and all that they need')
    .argument('<dir>', 'a new or an empty folder')
    .addHelpText('after', '\nExample:\n  $ sluice init etl');
  addJson(command).action(async (given: string, { json }: JsonOption) => {
    const folder = await initProject(given);
    if (json) return printJson({ folder });
    const go = path.relative(process.cwd(), folder);
    print(
      [
        `${folder} holds a project with the pipeline "hello". Next:`,
        ...(go === '' ? [] : [`  cd ${go}`]),
        '  npm install',
        '  npx sluice dev',
        'and in another terminal there:',
        '  npx sluice start hello --wait',
      ].join('\n'),
    );
  });
}
