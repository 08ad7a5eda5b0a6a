/** Runs a script of this project, which are TypeScript: `node scripts/run.mjs aws|demo|buildProvider [OPTIONS]`. */
import { existsSync } from 'node:fs';

const [name, ...args] = process.argv.slice(2);
const file = new URL(`./${name}.ts`, import.meta.url);
if (name === undefined || !existsSync(file)) {
  console.error('usage: node scripts/run.mjs aws|demo|buildProvider');
  process.exit(2);
}
process.argv.splice(2, process.argv.length, ...args);
const { createJiti } = await import('jiti');
await createJiti(import.meta.url).import(file.pathname);
