import { spawn } from 'node:child_process';
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

/** Runs the built command line as a child process, as a user's shell would. */
export function sluice(
  args: string[],
  options: { env?: NodeJS.ProcessEnv; input?: string; cwd?: string } = {},
): Promise<CliResult> {
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
