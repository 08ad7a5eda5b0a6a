import path from 'node:path';
import { SluiceError } from '../errors';
import { findProgram, runCommand } from './command';

/** A program that the user's machine must bring; Sluice does not install these. */
export type ProgramName = 'go' | 'java' | 'mvn' | 'python3';

const REMEDIES: Record<ProgramName, { what: string; get: string }> = {
  go: { what: 'Go 1.21 or newer (go)', get: 'https://go.dev/dl, `apt install golang` or `brew install go`' },
  java: {
    what: 'Java 17 to 22 (java)',
    get: '`apt install openjdk-17-jdk-headless`, `brew install openjdk@17` or https://adoptium.net; then set JAVA_HOME',
  },
  mvn: {
    what: 'Maven 3 (mvn)',
    get: '`apt install maven`, `brew install maven` or https://maven.apache.org',
  },
  python3: {
    what: 'Python 3.8 to 3.12 with venv (python3)',
    get: '`apt install python3 python3-venv`, `brew install python@3.11` or https://python.org',
  },
};

/** The path of a program that is present and new enough, else undefined. */
export async function findNeeded(name: ProgramName, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  switch (name) {
    case 'java':
      return findJava(env);
    case 'python3':
      return findPython(env);
    default:
      return findProgram(name, env);
  }
}

/** Finds all programs at once; rejects with MissingTool that names each missing one and what needs it. */
export async function requirePrograms(
  needs: { program: ProgramName; neededBy: string }[],
  env: NodeJS.ProcessEnv,
): Promise<Partial<Record<ProgramName, string>>> {
  const found: Partial<Record<ProgramName, string>> = {};
  const missing: string[] = [];
  for (const program of new Set(needs.map((need) => need.program))) {
    const file = await findNeeded(program, env);
    if (file) {
      found[program] = file;
      continue;
    }
    const users = needs.filter((need) => need.program === program).map((need) => need.neededBy);
    missing.push(`- ${REMEDIES[program].what}, needed by ${users.join(' and ')}: ${REMEDIES[program].get}`);
  }
  if (missing.length > 0) {
    throw new SluiceError('MissingTool', `Programs are missing on this machine:\n${missing.join('\n')}`);
  }
  return found;
}

async function findJava(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const candidates = [
    env.JAVA_HOME && path.join(env.JAVA_HOME, 'bin', 'java'),
    await findProgram('java', env),
  ];
  return firstThat(candidates, async (java) => {
    const version = /version "(?:1\.)?(\d+)/.exec(
      await runCommand({ command: java, args: ['-version'], env }),
    );
    return isBetween(Number(version?.[1]), 17, 22);
  });
}

async function findPython(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const names = ['python3', 'python3.11', 'python3.12', 'python3.10', 'python3.9', 'python3.8'];
  const candidates = await Promise.all(names.map((name) => findProgram(name, env)));
  return firstThat(candidates, async (python) => {
    const program = 'import sys, venv, ensurepip; print(sys.version_info[0] * 100 + sys.version_info[1])';
    return isBetween(Number(await runCommand({ command: python, args: ['-c', program], env })), 308, 312);
  });
}

async function firstThat(
  candidates: (string | undefined)[],
  holds: (file: string) => Promise<boolean>,
): Promise<string | undefined> {
  for (const file of candidates) {
    if (file && (await holds(file).catch(() => false))) return file;
  }
  return undefined;
}

function isBetween(value: number, least: number, most: number): boolean {
  return value >= least && value <= most;
}
