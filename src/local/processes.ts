import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { lastLines } from './command';

/** When a process counts as ready: a check that holds, or its message `{ ready: true }` over IPC. */
export type Ready = { check: () => Promise<boolean> } | 'message';

export interface ProcessPlan {
  /** What people call it; also the name of its log file. */
  name: string;
  command: string;
  args: string[];
  env: NodeJS.ProcessEnv;
  logs: string;
  cwd?: string;
  ready: Ready;
  readyTimeoutMs?: number;
  /** Takes what it says over IPC in `{ report }`, with ready `message`. */
  onReport?: (line: string) => void;
  /** How long it may take to end by itself after SIGTERM. */
  graceMs?: number;
}

export interface RunningProcess {
  name: string;
  /** Leader of the process group that holds all that it started. */
  pid: number;
  logFile: string;
  /** Ends the whole group; resolves when nothing of it is left. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Becomes the program, after leaving a watcher in its process group. The watcher reads a pipe that the parent holds
 * open and never writes to: when the parent dies, by whatever signal, the pipe ends and the watcher ends the group.
 */
const WATCHED = `
exec 9<&0 </dev/null
(
  trap '' TERM INT HUP
  while read -r _ <&9; do :; done
  kill -s TERM -- -$$
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    kill -0 $$ || break
    sleep 0.25
  done
  kill -s KILL -- -$$
) >/dev/null 2>&1 3>&- &
exec "$@" 9<&-
`;

/**
 * The child processes of one owner. A child is starting, then running, then ended. One that ends unasked while
 * starting makes its `start` reject; one that ends unasked while running resolves `crashed`. `stop` ends all of them,
 * those that are starting too, and refuses new ones.
 */
export class Processes {
  readonly crashed: Promise<Error>;
  private readonly tellCrash: (error: Error) => void;
  private readonly children = new Set<Child>();
  private stopped = false;

  constructor() {
    let tell: (error: Error) => void = () => undefined;
    this.crashed = new Promise((resolve) => (tell = resolve));
    this.tellCrash = tell;
  }

  async start(plan: ProcessPlan): Promise<RunningProcess> {
    const logFile = await freshLog(plan);
    const log = await open(logFile, 'a');
    try {
      if (this.stopped) throw new Error(`${plan.name} was not started: the stack is stopping`);
      const child = new Child(plan, logFile, log.fd);
      this.children.add(child);
      void child.ended.then(() => this.children.delete(child));
      await child.waitUntilReady();
      void child.ended.then((how) => {
        if (!child.stopping)
          this.tellCrash(new Error(`${plan.name} ended unexpectedly (${how}); its log: ${logFile}`));
      });
      return child;
    } finally {
      await log.close();
    }
  }

  /** Ends all children, whatever their state. Idempotent. */
  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all([...this.children].map((child) => child.stop()));
  }
}

class Child implements RunningProcess {
  readonly name: string;
  readonly pid: number;
  /** Resolves with how it ended, once its group is gone. */
  readonly ended: Promise<string>;
  stopping = false;
  private how: string | undefined;
  private saidReady = false;
  private readonly process: ChildProcess;

  constructor(
    private readonly plan: ProcessPlan,
    readonly logFile: string,
    log: number,
  ) {
    this.name = plan.name;
    this.process = spawn('/bin/sh', ['-c', WATCHED, 'sh', plan.command, ...plan.args], {
      cwd: plan.cwd,
      env: plan.env,
      detached: true,
      stdio: plan.ready === 'message' ? ['pipe', log, log, 'ipc'] : ['pipe', log, log],
    });
    this.pid = this.process.pid ?? 0;
    this.process.stdin?.on('error', () => undefined);
    this.process.on('message', (message) => {
      const { ready, report } = (message ?? {}) as { ready?: boolean; report?: string };
      if (ready === true) this.saidReady = true;
      if (report !== undefined) plan.onReport?.(report);
    });
    this.ended = new Promise((resolve) => {
      const end = (how: string) => {
        if (this.how !== undefined) return;
        this.how = how;
        this.signal('SIGKILL');
        this.process.stdin?.destroy();
        if (this.process.connected) this.process.disconnect();
        resolve(this.waitUntilGone().then(() => how));
      };
      this.process.once('error', (error) => end(error.message));
      this.process.once('exit', (code, signal) => end(signal ?? `exit code ${code}`));
    });
  }

  async waitUntilReady(): Promise<void> {
    const { ready, readyTimeoutMs = 60_000 } = this.plan;
    const deadline = Date.now() + readyTimeoutMs;
    while (this.how === undefined) {
      // A check may see another program on the port: it counts only while this one lives.
      const isReady = ready === 'message' ? this.saidReady : await ready.check();
      if (isReady && this.how === undefined) return;
      if (this.stopping) break;
      if (Date.now() > deadline) {
        await this.stop();
        throw await this.failure(`was not ready within ${readyTimeoutMs / 1000} s`);
      }
      await sleep(40);
    }
    const how = await this.ended;
    throw await this.failure(
      this.stopping ? 'was stopped while it started' : `ended while it started (${how})`,
    );
  }

  async stop(): Promise<void> {
    this.stopping = true;
    if (this.how === undefined) {
      this.signal('SIGTERM');
      const grace = new AbortController();
      const late = sleep(this.plan.graceMs ?? 5_000, undefined, { signal: grace.signal }).then(
        () => this.signal('SIGKILL'),
        () => undefined,
      );
      await this.ended;
      grace.abort();
      await late;
    }
    await this.ended;
  }

  private signal(signal: NodeJS.Signals): void {
    if (this.pid === 0) return;
    try {
      process.kill(-this.pid, signal);
    } catch {
      // The group is gone already.
    }
  }

  /** After SIGKILL a group is listed a moment longer, until the system reaps its orphans: too long to wait for. */
  private async waitUntilGone(): Promise<void> {
    for (let attempt = 0; attempt < 10 && this.pid !== 0; attempt += 1) {
      try {
        process.kill(-this.pid, 0);
      } catch {
        return;
      }
      await sleep(20);
    }
  }

  private async failure(what: string): Promise<Error> {
    const log = await readFile(this.logFile, 'utf8').catch(() => '');
    return new Error(`${this.name} ${what}. Its log, ${this.logFile}, ends with:\n${lastLines(log, 15)}`);
  }
}

/** The log of this start; the one before is kept beside it, since it may tell why this start was needed. */
async function freshLog({ name, logs }: ProcessPlan): Promise<string> {
  await mkdir(logs, { recursive: true });
  const file = path.join(logs, `${name}.log`);
  await rename(file, path.join(logs, `${name}.previous.log`)).catch(() => undefined);
  return file;
}
