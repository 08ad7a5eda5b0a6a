import { fork, type ChildProcess } from 'node:child_process';
import { extname, join } from 'node:path';
import { SluiceError } from '../errors';
import { sharedBy, type RunnerContext } from '../runners/defineRunner';
import type { Query, QueryLimits, QueryResult } from './query';
import type { Answer, Request } from './queryProcess';

/** How long a query that was interrupted may go on before its process is killed. */
const STOP_WAIT_MS = 5_000;
/** How long a process waits for the next query. */
const IDLE_MS = 5 * 60_000;
/** A statement that ends its process is tried once more: another query or the machine may have been to blame. */
const MOST_CRASHES = 2;

/**
 * Runs queries in processes of their own, which stay for the next ones: SQL can crash the process that it runs in, and
 * that is not to be the worker's. A process runs one query at a time.
 */
export class QueryProcesses {
  private readonly idle: { child: ChildProcess; end: NodeJS.Timeout }[] = [];

  /** @param limits of each query; those of all that run at once are to add up to less than the machine has */
  constructor(private readonly limits: QueryLimits) {}

  /** Starts a process for a query that is about to come, unless one waits. */
  warm(): void {
    if (this.idle.length === 0) this.keep(start());
  }

  /** @throws SluiceError as `runQuery`, JobFailed when the SQL has ended its process twice */
  async run(query: Query): Promise<QueryResult> {
    for (let crashes = 1; ; crashes++) {
      query.signal.throwIfAborted();
      const end = await this.runOnce(query);
      if (!('crash' in end)) return end;
      if (crashes >= MOST_CRASHES)
        throw new SluiceError(
          'JobFailed',
          `The query ended its process ${MOST_CRASHES} times (${end.crash}); change the SQL, or, where memory is short, lower SLUICE_DUCKDB_MEMORY`,
        );
    }
  }

  private async runOnce({ signal, onProgress, ...query }: Query): Promise<QueryResult | { crash: string }> {
    const child = this.takeIdle() ?? start();
    let kill: NodeJS.Timeout | undefined;
    const send = (request: Request) => {
      if (child.connected) child.send(request);
    };
    const stop = () => {
      send({ stop: true });
      kill = setTimeout(() => child.kill('SIGKILL'), STOP_WAIT_MS);
    };
    hold(child);
    try {
      const end = await new Promise<QueryResult | { crash: string } | Error>((resolve) => {
        child.on('error', (error) => resolve({ crash: error.message }));
        child.on('exit', (code, ended) => resolve({ crash: ended ?? `exit code ${code}` }));
        child.on('message', (answer: Answer) => {
          if ('progress' in answer) onProgress?.(answer.progress);
          else if ('result' in answer) resolve(answer.result);
          else resolve(toError(answer.failure));
        });
        signal.addEventListener('abort', stop, { once: true });
        send({ run: { ...query, limits: { ...this.limits, ...query.limits } } });
      });
      if (!('crash' in end)) this.keep(child);
      signal.throwIfAborted();
      if (end instanceof Error) throw end;
      return end;
    } finally {
      clearTimeout(kill);
      signal.removeEventListener('abort', stop);
      for (const event of ['error', 'exit', 'message']) child.removeAllListeners(event);
      child.on('error', () => {});
      release(child);
    }
  }

  private takeIdle(): ChildProcess | undefined {
    for (let kept = this.idle.pop(); kept; kept = this.idle.pop()) {
      clearTimeout(kept.end);
      if (kept.child.connected) return kept.child;
    }
    return undefined;
  }

  private keep(child: ChildProcess): void {
    const end = setTimeout(() => {
      this.idle.splice(
        this.idle.findIndex((kept) => kept.child === child),
        1,
      );
      if (child.connected) child.disconnect();
    }, IDLE_MS);
    end.unref();
    this.idle.push({ child, end });
  }
}

/** Those of one worker. */
export const createQueryProcesses = sharedBy(({ config }: RunnerContext) => {
  const { memoryBytes, spillBytes, threads, queries } = config.duckdb;
  return new QueryProcesses({
    memoryBytes: Math.floor(memoryBytes / queries),
    spillBytes: Math.floor(spillBytes / queries),
    threads,
  });
});

function start(): ChildProcess {
  const extension = extname(__filename);
  const child = fork(join(__dirname, `queryProcess${extension}`), [], {
    // From source, it is read as this process reads it.
    execArgv: extension === '.ts' ? process.execArgv : [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  child.on('error', () => {});
  release(child);
  return child;
}

/** A process that waits keeps nobody from ending; one that works does. */
function release(child: ChildProcess): void {
  child.unref();
  child.channel?.unref();
}

function hold(child: ChildProcess): void {
  child.ref();
  child.channel?.ref();
}

function toError({ code, message }: { code: SluiceError['code'] | null; message: string }): Error {
  return code === null ? new Error(message) : new SluiceError(code, message);
}
