import pino, { type Logger } from 'pino';

export type { Logger };

/** Structured logs on standard error, which leaves standard output to data. Nothing that may hold a secret is logged. */
export function createLogger(level: string, name: string): Logger {
  return pino(
    { level, name, redact: ['*.secret', '*.password', '*.authorization', 'headers.authorization'] },
    pino.destination({ dest: 2, sync: true }),
  );
}
