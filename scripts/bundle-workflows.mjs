// Bundles the pipelines that ship, at build time: a worker starts faster, and what escapes the sandbox fails here.
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { bundlePipelines } = require('../dist/src/worker/bundlePipelines.js');
const { SHIPPED } = require('../dist/src/workflows/shipped.js');
const { code } = await bundlePipelines({ files: SHIPPED.map(({ file }) => file) });
await writeFile(new URL('../dist/workflow-bundle.js', import.meta.url), code);
