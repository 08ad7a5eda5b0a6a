/** Runs a script of this project, which are TypeScript: `node scripts/run.mjs demo|cluster [OPTIONS]`. */
import { existsSync } from 'node:fs';

const [name, ...args] = process.argv.slice(2);
const file = new URL(`./${name}.ts`, import.meta.url);
if (!existsSync(file)) {
  console.error('usage: node scripts/run.mjs demo|cluster');
  process.exit(2);
}
process.argv.splice(2, process.argv.length, ...args);
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
const { createJiti } = await import('jiti');
await createJiti(import.meta.url).import(file.pathname);
