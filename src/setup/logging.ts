import pino, { type Logger } from 'pino';
import { redactSecrets } from './redactSecrets';

export type { Logger };

/** Structured logs on standard error, which leaves standard output to data. No line holds a secret, whoever wrote its words. */
export function createLogger(level: string, name: string): Logger {
  return pino(
    {
      ...{ level, name, serializers: { error: describe } },
      hooks: { streamWrite: redactSecrets },
      redact: ['*.secret', '*.password', '*.authorization', 'headers.authorization'],
    },
    pino.destination({ dest: 2, sync: true }),
  );
}

/** An error's own properties may hold a whole request, and JSON shows none of the others. */
function describe(error: unknown): unknown {
  return error instanceof Error ? { type: error.name, message: error.message, stack: error.stack } : error;
}
