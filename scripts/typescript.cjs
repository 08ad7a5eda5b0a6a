// Has Node read the project's TypeScript, as CommonJS: node --require ./scripts/typescript.cjs
// What imports `sluice` has the sources, so that there is one instance of them whoever imports.
const Module = require('node:module');
const path = require('node:path');
const { transformFileSync } = require('@swc/core');

Module._extensions['.ts'] = (module, file) => {
  const { code } = transformFileSync(file, {
    ...{ swcrc: false, sourceMaps: 'inline', inlineSourcesContent: false },
    jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
    module: { type: 'commonjs' },
  });
  module._compile(code, file);
};

const SRC = path.join(__dirname, '..', 'src');
const DOORS = { sluice: 'index', 'sluice/workflow': 'workflow', 'sluice/testing': 'testing' };
const resolve = Module._resolveFilename;
Module._resolveFilename = (request, ...rest) => {
  if (Object.hasOwn(DOORS, request)) return resolve(path.join(SRC, DOORS[request]), ...rest);
  try {
    return resolve(request, ...rest);
  } catch (error) {
    // What TypeScript calls a.js until it is compiled.
    if (!/^\.{1,2}\/.*\.js$/.test(request)) throw error;
    return resolve(request.replace(/js$/, 'ts'), ...rest);
  }
};
