import { afterEach } from 'vitest';

// Vite's own knows nothing of what Node has loaded, whose source maps Node reads by itself.
Reflect.deleteProperty(Error, 'prepareStackTrace');

// The files that a process runs one after the other share its environment: each has it as it was at first, and the real one,
// of which Node itself reads TMPDIR, whatever a test before has put in its place.
const shared = globalThis as { env?: NodeJS.ProcessEnv; firstEnv?: NodeJS.ProcessEnv };
process.env = shared.env ??= process.env;
shared.firstEnv ??= { ...process.env };
for (const name of Object.keys(process.env)) if (!(name in shared.firstEnv)) delete process.env[name];
Object.assign(process.env, shared.firstEnv);

/** What failed is printed when the test is run again, too, so that it is looked at. */
afterEach(({ task }) => {
  const { errors = [], retryCount = 0 } = task.result ?? {};
  if (retryCount < Number(task.retry ?? 0))
    for (const { stack, message } of errors)
      process.stderr.write(`${task.name} is run again: ${stack ?? message}\n`);
});
