import { homedir } from 'node:os';
import { join } from 'node:path';

/** What a worker of this project reads from its environment. */
export interface Settings {
  /** A provider JAR that is built already, in the place of a build by Maven. */
  jar: string | null;
  /** Where built JARs are kept. */
  cache: string;
  /** The program; by default that of `JAVA_HOME`, else the one on the path. */
  java: string;
  /** The program; by default that of `MAVEN_HOME`, else the one on the path. */
  maven: string;
  /** Where the local stack plays AWS; null elsewhere. */
  playedAws: string | null;
}

export function readSettings(env: NodeJS.ProcessEnv = process.env): Settings {
  const text = (name: string) => env[name]?.trim() || null;
  const programOf = (home: string | null, name: string) => (home === null ? name : join(home, 'bin', name));
  const cache = text('XDG_CACHE_HOME') ?? join(env['HOME'] ?? homedir(), '.cache');
  return {
    jar: text('EMR_TLS_JAR'),
    cache: text('SLUICE_CACHE') ?? join(cache, 'sluice'),
    java: programOf(text('JAVA_HOME'), 'java'),
    maven: programOf(text('MAVEN_HOME'), 'mvn'),
    playedAws: text('EMR_TLS_PLAYED_AWS'),
  };
}
