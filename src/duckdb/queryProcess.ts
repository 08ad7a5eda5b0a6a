/** The process in which a worker's SQL runs: one query after the other, each in a DuckDB of its own. */
import { SluiceError } from '../errors';
import { runQuery, type Query, type QueryResult } from './query';

/** What a worker sends. */
export type Request = { run: Omit<Query, 'signal' | 'onProgress'> } | { stop: true };
/** What comes back. */
export type Answer =
  | { progress: number }
  | { result: QueryResult }
  | { failure: { code: SluiceError['code'] | null; message: string } };

let running: AbortController | undefined;

function answer(message: Answer): void {
  process.send?.(message);
}

async function run(query: Omit<Query, 'signal' | 'onProgress'>): Promise<void> {
  running = new AbortController();
  const { signal } = running;
  try {
    answer({
      result: await runQuery({ ...query, signal, onProgress: (percent) => answer({ progress: percent }) }),
    });
  } catch (error) {
    const code = error instanceof SluiceError ? error.code : null;
    answer({ failure: { code, message: (error as Error).message } });
  } finally {
    running = undefined;
  }
}

process.on('message', (request: Request) => {
  if ('stop' in request) running?.abort(new Error('stopped'));
  else void run(request.run);
});
// Its worker is gone, and with it whoever would read an answer.
process.on('disconnect', () => process.exit());
// A terminal's Ctrl-C goes to the worker's whole group; the worker decides what happens to its queries.
process.on('SIGINT', () => {});
