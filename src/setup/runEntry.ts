import { SluiceError } from '../errors';

/** Runs an entry; a failure is one line on standard error and the exit code of the command line. */
export function runEntry(run: () => Promise<void>): void {
  run().then(
    () => process.exit(0),
    (error: unknown) => {
      console.error(error instanceof SluiceError ? `${error.code}: ${error.message}` : error);
      process.exit(error instanceof SluiceError ? (error.code === 'ServerUnreachable' ? 3 : 2) : 1);
    },
  );
}
