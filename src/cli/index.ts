import { Command, CommanderError } from 'commander';
import { useDevStack } from './devStack';
import { EXIT, toCommandError, wrongUsage } from './errors';
import { printError } from './output';
import { readOwnPackage } from '../local/packageRoot';
import { readSecrets } from '../setup/config';
import { hideSecrets } from '../setup/redactSecrets';

/**
 * The commands in the order of the help, each with all that it does, which is loaded when it is asked for. A command says how
 * it ended through `process.exitCode`, or throws.
 */
const COMMANDS: Record<string, () => Promise<(program: Command) => void>> = {
  init: async () => (await import('./init.js')).addInit,
  dev: async () => (await import('./dev.js')).addDev,
  demo: async () => (await import('./demo.js')).addDemo,
  worker: async () => (await import('./worker.js')).addWorker,
  webhook: async () => (await import('./webhook.js')).addWebhook,
  'codec-server': async () => (await import('./codecServer.js')).addCodecServer,
  pipelines: async () => (await import('./pipelines.js')).addPipelines,
  start: async () => (await import('./start.js')).addStart,
  upload: async () => (await import('./upload.js')).addUpload,
  signal: async () => (await import('./signal.js')).addSignal,
  status: async () => (await import('./status.js')).addStatus,
  watch: async () => (await import('./watch.js')).addWatch,
  list: async () => (await import('./list.js')).addList,
  cancel: async () => (await import('./cancel.js')).addCancel,
  retry: async () => (await import('./retry.js')).addRetry,
  reap: async () => (await import('./reap.js')).addReap,
  resume: async () => (await import('./resume.js')).addResume,
  schedule: async () => (await import('./schedule.js')).addSchedule,
  doctor: async () => (await import('./doctor.js')).addDoctor,
};

/** With the command that the command line begins with, or with all of them, for help and for what is none. */
async function createProgram(argv: readonly string[]): Promise<Command> {
  const program = new Command('sluice')
    .description('Runs long ETL pipelines durably on Temporal.')
    .option(
      '--config <file>',
      'the project; default the nearest sluice.config.*, from the current folder upwards',
    )
    .version(readOwnPackage().version, '--version', 'print the version')
    .showSuggestionAfterError()
    .configureOutput({ outputError: () => {} })
    .exitOverride()
    .addHelpText('after', '\nExample:\n  $ sluice demo\n\nSee "sluice COMMAND --help" for one command.');
  program.hook('preAction', (_, command) => useDevStack(command));
  const asked = commandOf(argv);
  const commands = Object.entries(COMMANDS);
  const loaded = Object.hasOwn(COMMANDS, asked) ? commands.filter(([name]) => name === asked) : commands;
  for (const [, load] of loaded) (await load())(program);
  return program;
}

/** The first word that is neither an option of the program nor its value. */
function commandOf(argv: readonly string[]): string {
  const [first = '', ...rest] = argv;
  if (first === '--config') return commandOf(rest.slice(1));
  return first.startsWith('--config=') ? commandOf(rest) : first;
}

/** Runs one command line and gives the exit code: 0, 1 run or job failed, 2 wrong usage or input, 3 server unreachable. */
export async function runCommandLine(argv: string[]): Promise<number> {
  hideSecrets(readSecrets());
  try {
    await (await createProgram(argv)).parseAsync(argv, { from: 'user' });
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
