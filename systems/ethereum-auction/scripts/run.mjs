/** Runs a script of this project, which are TypeScript: `node scripts/run.mjs demo|dev|geth|kinesis|delivery|bench [OPTIONS]`. */
import { existsSync } from 'node:fs';

const [name, ...args] = process.argv.slice(2);
const file = ['../scripts', '../bench']
  .map((folder) => new URL(`${folder}/${name}.ts`, import.meta.url))
  .find((url) => existsSync(url));
if (file === undefined) {
  console.error('usage: node scripts/run.mjs demo|dev|geth|kinesis|delivery|bench');
  process.exit(2);
}
process.argv.splice(2, process.argv.length, ...args);
const { createJiti } = await import('jiti');
await createJiti(import.meta.url).import(file.pathname);
