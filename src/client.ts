#!/usr/bin/env node
import './setup/quiet';
import { runCommandLine } from './cli';

// A reader such as `head` may close the pipe early.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

void runCommandLine(process.argv.slice(2)).then((exitCode) => {
  process.exitCode = exitCode;
  endSoon();
});

/** A server that was given up may keep its connection open for a minute. */
function endSoon(): void {
  setTimeout(() => {
    if (process.stdout.writableLength + process.stderr.writableLength > 0) endSoon();
    else process.exit();
  }, 1_000).unref();
}
