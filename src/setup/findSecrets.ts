import { SluiceError } from '../errors';
import { redactSecrets } from './redactSecrets';

/** How the name of a member ends whose value nobody may see. */
const NAME =
  /(?:password|passwd|passphrase|(?:^|[^a-z])pwd|secret|secret[-_.]?(?:access[-_.]?)?key|token|api[-_.]?key|access[-_.]?key|private[-_.]?key|credentials?|authorization|cookie)$/i;
/** Tokens that say which request this is. */
const NO_SECRET_NAME =
  /(?:client|request|next|continuation|idempotency|page|pagination|task)[-_]?(?:request)?[-_]?token$/i;
/** Where a secret is, rather than the secret: an ARN, an address in S3, a file, a placeholder of the service. */
const REFERENCE = /^(?:arn:|s3:|file:|\/|ssm:|vault:|\{\{|\$\{|<)/i;
/** What is a secret wherever it stands. */
const SECRET =
  /-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|[a-z]:\/\/[^\s/?#:@]{0,200}:[^\s/?#@]{1,200}@|\bbearer {1,4}[\w.~+/=-]{16,}|[?&]X-Amz-Signature=/i;

/** The places of an input that look like secrets, such as `job.parameters.conf.spark.password`. No value is in them. */
export function findSecrets(value: unknown, path = ''): string[] {
  if (typeof value === 'string') return looksSecret(path, value) ? [path] : [];
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) {
    const found = value.flatMap((item, index) => findSecrets(item, `${path}[${index}]`));
    // A flag and its value.
    const words = value.filter((item) => typeof item === 'string' && !/\s/.test(item)).join(' ');
    return found.length === 0 && redactSecrets(words) !== words ? [path] : found;
  }
  return Object.entries(value).flatMap(([name, member]) =>
    findSecrets(member, path === '' ? name : `${path}.${name}`),
  );
}

/** @throws SluiceError InvalidInput for an input that looks as if it held a secret, with the places and no value */
export function refuseSecrets(pipeline: string, input: unknown): void {
  const secrets = findSecrets(input);
  if (secrets.length === 0) return;
  const cure =
    'An input stays in the history of its run. Put the secret where the job itself reads it (Secrets Manager, Parameter ' +
    'Store, the environment of the worker) and give its name; --allow-secrets (allowSecrets) if it is none.';
  throw new SluiceError(
    'InvalidInput',
    [
      `The input of ${pipeline} looks as if it held a secret:`,
      ...secrets.map((path) => `  ${path}`),
      cure,
    ].join('\n'),
  );
}

function looksSecret(path: string, text: string): boolean {
  if (SECRET.test(text)) return true;
  if (text === '' || REFERENCE.test(text)) return false;
  const name = path.split('.').slice(-3).join('.');
  if (NAME.test(name) && !NO_SECRET_NAME.test(name)) return true;
  // In a statement of SQL, or in words, a name with "=" is a condition.
  return !/\s|:\/\//.test(text) && redactSecrets(text) !== text;
}
