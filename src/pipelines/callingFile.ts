/**
 * The file of the code that called `callee`, from the stack: a path, also where the file is an ES module. Null inside the
 * workflow sandbox, where there are no files.
 */
export function callingFile(callee: (...args: never[]) => unknown): string | null {
  if (typeof process === 'undefined') return null;
  const before = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace');
  const { stackTraceLimit } = Error;
  const holder: { stack?: unknown } = {};
  try {
    Error.stackTraceLimit = 1;
    Error.prepareStackTrace = (_, [frame]) => frame?.getFileName() ?? null;
    Error.captureStackTrace(holder, callee);
    return toPath(holder.stack as string | null);
  } finally {
    if (before === undefined) Reflect.deleteProperty(Error, 'prepareStackTrace');
    else Object.defineProperty(Error, 'prepareStackTrace', before);
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function toPath(file: string | null): string | null {
  if (file === null || !file.startsWith('file://')) return file;
  // Loaders put what they have to say behind a question mark.
  return decodeURIComponent(file.slice('file://'.length).replace(/[?#].*$/, ''));
}
