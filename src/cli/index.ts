import { Command, CommanderError } from 'commander';
import { addCancel } from './cancel';
import { addCodecServer } from './codecServer';
import { addDemo } from './demo';
import { addDev } from './dev';
import { useDevStack } from './devStack';
import { addDoctor } from './doctor';
import { EXIT, toCommandError, wrongUsage } from './errors';
import { addInit } from './init';
import { addList } from './list';
import { printError } from './output';
import { addPipelines } from './pipelines';
import { addReap } from './reap';
import { addRetry } from './retry';
import { addResume } from './resume';
import { addSchedule } from './schedule';
import { addSignal } from './signal';
import { addStart } from './start';
import { addStatus } from './status';
import { addUpload } from './upload';
import { addWatch } from './watch';
import { addWebhook } from './webhook';
import { addWorker } from './worker';
import { readSecrets } from '../setup/config';
import { hideSecrets } from '../setup/redactSecrets';

/** The commands in the order of the help. A command says how it ended through `process.exitCode`, or throws. */
const COMMANDS = [
  addInit,
  addDev,
  addDemo,
  addWorker,
  addWebhook,
  addCodecServer,
  addPipelines,
  addStart,
  addUpload,
  addSignal,
  addStatus,
  addWatch,
  addList,
  addCancel,
  addRetry,
  addReap,
  addResume,
  addSchedule,
  addDoctor,
];

export function createProgram(): Command {
  const program = new Command('sluice')
    .description('Runs long ETL pipelines durably on Temporal.')
    .option(
      '--config <file>',
      'the project; default the nearest sluice.config.*, from the current folder upwards',
    )
    .showSuggestionAfterError()
    .configureOutput({ outputError: () => {} })
    .exitOverride()
    .addHelpText('after', '\nExample:\n  $ sluice demo\n\nSee "sluice COMMAND --help" for one command.');
  program.hook('preAction', (_, command) => useDevStack(command));
  for (const add of COMMANDS) add(program);
  return program;
}

/** Runs one command line and gives the exit code: 0, 1 run or job failed, 2 wrong usage or input, 3 server unreachable. */
export async function runCommandLine(argv: string[]): Promise<number> {
  hideSecrets(readSecrets());
  try {
    await createProgram().parseAsync(argv, { from: 'user' });
    return Number(process.exitCode ?? EXIT.ok);
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok;
    // The help was asked for by giving no command; it is on standard error already.
    if (error instanceof CommanderError && error.code === 'commander.help') return EXIT.usage;
    const failure = toCommandError(error instanceof CommanderError ? wrongUsage(error) : error);
    printError(failure, argv.includes('--json'));
    return failure.exitCode;
  }
}
