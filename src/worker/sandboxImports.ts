import { isBuiltin } from 'node:module';
import { relative } from 'node:path';

/** Builtins of which the sandbox has a version of its own. */
const IN_SANDBOX = ['assert', 'url', 'util'];
/** The package's doors for code outside of the sandbox. */
const OWN_DOORS = ['sluice', 'sluice/testing'];
/** Packages that are for code outside of it, or would bring megabytes of it in. */
const OUTSIDE = [
  ...['@temporalio/activity', '@temporalio/client', '@temporalio/worker', '@temporalio/testing'],
  ...['@aws-sdk', '@smithy', '@duckdb'],
];

/** What webpack is to leave out, as aliases. */
export const LEFT_OUT = Object.fromEntries(
  [...OWN_DOORS.map((door) => `${door}$`), ...OUTSIDE].map((name) => [name, false] as const),
);

/** An import that leaves the workflow sandbox, with the files that lead to it: a pipeline's or what it imports. */
export interface Escape {
  /** The file of the project, and what it imports. */
  file: string;
  request: string;
  /** What in a package it ends at, when that is not `request` itself. */
  reaches: string | null;
}

/** Whether code that is imported by this name cannot run in the workflow sandbox. */
export function leavesSandbox(request: string): boolean {
  const name = request.replace(/^node:/, '');
  if (isBuiltin(request)) return !IN_SANDBOX.includes(name.split('/')[0]!);
  if (OWN_DOORS.includes(request)) return true;
  return OUTSIDE.some((module) => request === module || request.startsWith(`${module}/`));
}

/** One line for each import, in the order of the files' names, then the cure. */
export function describeEscapes(escapes: readonly Escape[]): string {
  const sorted = [...escapes].sort((a, b) => (a.file < b.file ? -1 : Number(a.file > b.file)));
  const lines = new Set(
    sorted.map(
      ({ file, request, reaches }) =>
        `  ${relative(process.cwd(), file)} imports ${request}${reaches === null ? '' : `, which needs ${reaches}`}${
          OWN_DOORS.includes(request) ? '; a pipeline imports sluice/workflow instead' : ''
        }`,
    ),
  );
  return [
    'A pipeline runs in the workflow sandbox, without Node, network and files:',
    ...lines,
    'Move that work into a task (defineTask), or into a job of another resource. For types alone, write "import type".',
  ].join('\n');
}
