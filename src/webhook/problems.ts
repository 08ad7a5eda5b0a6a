import type { z } from 'zod';
import { SluiceError } from '../errors';

const MAX_PROBLEMS = 10;

/** Each problem with the path of its field below `parent`, and never a value: what a stranger sends belongs into no log. */
export function problemsOf(error: z.ZodError, parent: PropertyKey[] = []): string[] {
  return error.issues.map((issue) => `${pathOf([...parent, ...issue.path])}: ${issue.message}`);
}

/** `This is no S3 event notification: Records[0].eventTime: …`, with at most ten problems. */
export function wrongBody(what: string, problems: string[]): SluiceError {
  const shown = problems.slice(0, MAX_PROBLEMS).join('; ');
  const rest = problems.length > MAX_PROBLEMS ? `; and ${problems.length - MAX_PROBLEMS} more` : '';
  return new SluiceError('InvalidInput', `This is no ${what}: ${shown}${rest}`);
}

function pathOf(path: PropertyKey[]): string {
  const text = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  return text.replace(/^\./, '') || 'body';
}
