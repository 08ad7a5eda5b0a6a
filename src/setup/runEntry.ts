import { inspect } from 'node:util';
import { SluiceError } from '../errors';
import { readSecrets } from './config';
import { hideSecrets, redactSecrets } from './redactSecrets';

/** Runs an entry; a failure is one line on standard error and the exit code of the command line. */
export function runEntry(run: () => Promise<void>): void {
  hideSecrets(readSecrets());
  run().then(
    () => process.exit(0),
    (error: unknown) => {
      const told = error instanceof SluiceError ? `${error.code}: ${error.message}` : inspect(error);
      console.error(redactSecrets(told));
      process.exit(error instanceof SluiceError ? (error.code === 'ServerUnreachable' ? 3 : 2) : 1);
    },
  );
}
