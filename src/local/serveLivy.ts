import { once } from 'node:events';
import { startLivy } from './livy';
import { ensureLivyAndSpark } from './tools';

/**
 * Livy with Spark as the one process of a container: `node dist/src/local/serveLivy.js PORT FOLDER ALLOWED_FOLDER…`, with
 * the very command line of the local stack. `--install` only installs.
 */
async function serveLivy([first, folder = '', ...allowedFolders]: string[]): Promise<void> {
  const tools = await ensureLivyAndSpark({ env: process.env, report: (line) => console.error(line) });
  if (first === '--install') return;
  const port = Number(first);
  const livy = await startLivy({
    tools,
    env: process.env,
    host: '0.0.0.0',
    port,
    folder,
    allowedFolders,
    logs: folder,
  });
  await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  await livy.stop();
}

serveLivy(process.argv.slice(2)).catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
