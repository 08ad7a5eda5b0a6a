import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const CLIENT = join(__dirname, '..', '..', 'dist', 'src', 'client.js');

export interface CliResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** The shell's own variables, and where the cache is; no settings of the developer's. */
export function ownEnvironment(): NodeJS.ProcessEnv {
  const names = ['PATH', 'HOME', 'SLUICE_CACHE', 'XDG_CACHE_HOME', 'JAVA_HOME'];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}

/** A command reads the project of its folder: for a test of a system that system's, else none, which takes a third of the time. */
function testedProject(): string {
  return /^.*\/systems\/[^/]+(?=\/)/.exec(expect.getState().testPath!)?.[0] ?? tmpdir();
}

export interface CommandOptions {
  env?: NodeJS.ProcessEnv;
  input?: string;
  cwd?: string;
}

/** Runs the built command line as a child process, as a user's shell would. */
export function sluice(args: string[], options: CommandOptions = {}): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CLIENT, ...args], {
      env: { ...ownEnvironment(), ...options.env },
      stdio: 'pipe',
      cwd: options.cwd ?? testedProject(),
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
    child.stdin.end(options.input ?? '');
  });
}

/**
 * The built command line in one process for all commands of a test file, which are run one after the other: a process of
 * its own takes a command half a second to start. What is given input has its own.
 */
export function useCommandLines(): typeof sluice {
  let process: ChildProcess;
  let last: Promise<unknown> = Promise.resolve();

  beforeAll(() => {
    process = fork(join(__dirname, '..', 'fixtures', 'command_lines.cjs'), {
      env: ownEnvironment(),
      execArgv: [],
    });
  });

  afterAll(() => process.kill());

  const run = async (args: string[], { env, cwd = testedProject() }: CommandOptions): Promise<CliResult> => {
    const answer = once(process, 'message') as Promise<[CliResult]>;
    process.send({ args, cwd, env: { ...ownEnvironment(), ...env } });
    const [result] = await answer;
    return result;
  };
  return (args, options = {}) => {
    if (options.input !== undefined) return sluice(args, options);
    const result = last.then(() => run(args, options));
    last = result.catch(() => {});
    return result;
  };
}
