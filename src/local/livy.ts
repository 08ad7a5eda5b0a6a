import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { LOOPBACK } from './ports';
import { Processes, type RunningProcess } from './processes';
import { joinOptions, QUICK_START, sparkOptions } from './sparkStart';
import type { LivyTools } from './tools';

export interface LivyOptions {
  tools: LivyTools;
  env: NodeJS.ProcessEnv;
  port: number;
  /** Where it listens; default loopback. In a container: 0.0.0.0. */
  host?: string;
  /** Where Livy's and Spark's settings and scratch files are written. */
  folder: string;
  /** Folders whose files jobs may name as scripts, jars or data. */
  allowedFolders: string[];
  logs: string;
  processes?: Processes;
}

export interface LivyServer extends RunningProcess {
  url: string;
}

const OPENED_PACKAGES = [
  ...['java.lang', 'java.lang.invoke', 'java.lang.reflect', 'java.io', 'java.net', 'java.nio', 'java.util'],
  ...[
    'java.util.concurrent',
    'java.util.concurrent.atomic',
    'sun.nio.ch',
    'sun.nio.cs',
    'sun.security.action',
  ],
  'sun.util.calendar',
];

/** Livy reaches into packages that Java keeps closed since version 16. */
const OPENED = OPENED_PACKAGES.map((name) => `--add-opens=java.base/${name}=ALL-UNNAMED`);

/** Starts a Livy server that runs each batch on Spark in this machine. Ready means: it answers. */
export async function startLivy(options: LivyOptions): Promise<LivyServer> {
  const { tools, env, port, folder, logs, processes = new Processes() } = options;
  const url = `http://${LOOPBACK}:${port}`;
  await writeSettings(options);
  const server = await processes.start({
    name: 'livy',
    command: tools.java,
    args: [
      ...OPENED,
      ...QUICK_START,
      '-Xmx512m',
      ...[
        '-cp',
        [folder, path.join(tools.jars, '*')].join(path.delimiter),
        'org.apache.livy.server.LivyServer',
      ],
    ],
    env: {
      ...withoutSparkSettings(env),
      LIVY_HOME: folder,
      LIVY_CONF_DIR: folder,
      LIVY_LOG_DIR: logs,
      SPARK_HOME: tools.sparkHome,
      SPARK_LOCAL_IP: LOOPBACK,
      SPARK_LAUNCHER_OPTS: joinOptions(QUICK_START),
      SPARK_SUBMIT_OPTS: joinOptions([...sparkOptions(tools.classes), ...sparkSettings(folder)]),
      PYSPARK_PYTHON: tools.python,
      PYSPARK_DRIVER_PYTHON: tools.python,
      JAVA_HOME: tools.javaHome,
    },
    cwd: folder,
    logs,
    ready: { check: () => answers(`${url}/version`) },
    readyTimeoutMs: 90_000,
    graceMs: 1_000,
  });
  return { name: server.name, pid: server.pid, logFile: server.logFile, stop: () => server.stop(), url };
}

async function writeSettings({ port, host = LOOPBACK, folder, allowedFolders }: LivyOptions): Promise<void> {
  await mkdir(path.join(folder, SCRATCH), { recursive: true });
  await Promise.all([
    writeLines(path.join(folder, 'livy.conf'), [
      `livy.server.host = ${host}`,
      `livy.server.port = ${port}`,
      'livy.spark.master = local[2]',
      `livy.file.local-dir-whitelist = ${allowedFolders.map((allowed) => path.join(allowed, '/')).join(',')}`,
      // A page of any site that a browser on this machine shows could post a batch otherwise.
      'livy.server.csrf-protection.enabled = true',
    ]),
    writeLines(path.join(folder, 'log4j.properties'), [
      'log4j.rootCategory=INFO, console',
      'log4j.appender.console=org.apache.log4j.ConsoleAppender',
      'log4j.appender.console.target=System.err',
      'log4j.appender.console.layout=org.apache.log4j.PatternLayout',
      'log4j.appender.console.layout.ConversionPattern=%d{yyyy-MM-dd HH:mm:ss} %p %c{1}: %m%n',
      'log4j.logger.org.eclipse.jetty=WARN',
      'log4j.logger.org.apache.hadoop.util=ERROR',
    ]),
    // Livy keeps the last 200 lines of a batch: Spark's own progress would push the reason of a failure out.
    writeLines(path.join(folder, LOGGING), [
      'rootLogger.level = warn',
      'rootLogger.appenderRef.stderr.ref = stderr',
      'appender.stderr.type = Console',
      'appender.stderr.name = stderr',
      'appender.stderr.target = SYSTEM_ERR',
      'appender.stderr.layout.type = PatternLayout',
      'appender.stderr.layout.pattern = %d{HH:mm:ss} %p %c{1}: %m%n%ex',
      'logger.native.name = org.apache.hadoop.util.NativeCodeLoader',
      'logger.native.level = error',
    ]),
  ]);
}

/** Beside Livy's own log4j.properties. */
const LOGGING = 'log4j2.properties';
const SCRATCH = 'scratch';

/** A folder of Spark's settings would stand on its class path, and with one Java shares no classes between processes. */
function sparkSettings(folder: string): string[] {
  const scratch = path.join(folder, SCRATCH);
  const settings = {
    'spark.ui.enabled': 'false',
    'spark.driver.bindAddress': LOOPBACK,
    'spark.driver.host': LOOPBACK,
    'spark.sql.shuffle.partitions': '4',
    'spark.local.dir': scratch,
    'spark.sql.warehouse.dir': path.join(scratch, 'warehouse'),
    'log4j2.configurationFile': pathToFileURL(path.join(folder, LOGGING)).href,
  };
  return Object.entries(settings).map(([name, value]) => `-D${name}=${value}`);
}

function writeLines(file: string, lines: string[]): Promise<void> {
  return writeFile(file, `${lines.join('\n')}\n`);
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

/** The user's own Spark is another version with other settings. */
function withoutSparkSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const own = /^(SPARK_|LIVY_|PYSPARK_|HADOOP_|PYTHONPATH$|PYTHONHOME$|VIRTUAL_ENV$|JAVA_TOOL_OPTIONS$)/;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !own.test(name)));
}
