import { SluiceError } from '../errors';
import { redactSecrets } from './redactSecrets';

/** How the name of a member ends whose value nobody may see. */
const NAME =
  /(?:passwords?|passwd|passphrase|passcode|(?:^|[^a-z])pwd|secret|secret[-_.]?(?:access[-_.]?)?key|token|api[-_.]?key|access[-_.]?key|private[-_.]?key|credentials?|authorization|cookie)$/i;
/** A number is a secret where no number can be anything else; a token may be one of many. */
const NUMBER_NAME =
  /(?:passwords?|passwd|passphrase|passcode|(?:^|[^a-z])pwd|api[-_.]?key|access[-_.]?key)$/i;
/** Tokens that say which request this is. */
const NO_SECRET_NAME =
  /(?:client|request|next|continuation|idempotency|page|pagination|task)[-_]?(?:request)?[-_]?token$/i;
/** Where a secret is, rather than the secret: an ARN, an address in S3, a file, a placeholder of the service. */
const REFERENCE = /^(?:arn:|s3:|file:|\/|ssm:|vault:|\{\{|\$\{|<)/i;
/** What is a secret wherever it stands. */
const SECRET =
  /-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|[a-z]:\/\/[^\s/?#:@]{0,200}:[^\s/?#@]{1,200}@|\bbearer {1,4}[\w.~+/=-]{16,}|[?&]X-Amz-Signature=|\bjdbc:oracle:\w{1,10}:[^\s/@]{1,200}\/[^\s@]{1,200}@/i;

/** The places of an input that look like secrets, such as `job.parameters.conf.spark.password`. No value is in them. */
export function findSecrets(value: unknown, path = ''): string[] {
  if (typeof value === 'string') return looksSecret(path, value) ? [path] : [];
  if (typeof value === 'number' || typeof value === 'bigint')
    return NUMBER_NAME.test(nameOf(path)) ? [path] : [];
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) {
    const found = value.flatMap((item, index) => findSecrets(item, `${path}[${index}]`));
    // A flag and its value.
    const words = value.filter((item) => typeof item === 'string' && !/\s/.test(item)).join(' ');
    return found.length === 0 && redactSecrets(words) !== words ? [path] : found;
  }
  const under = (name: string) => (path === '' ? name : `${path}.${name}`);
  const found = Object.entries(value).flatMap(([name, member]) => findSecrets(member, under(name)));
  const pair = pairOf(value);
  return found.length === 0 && pair !== null && findSecrets(pair.value, pair.name).length > 0
    ? [under(pair.member)]
    : found;
}

/** A setting as many services take it: `{ name: 'DB_PASSWORD', value: '…' }`. */
function pairOf(value: object): { name: string; member: string; value: unknown } | null {
  const members = Object.entries(value);
  const name = members.find(([member]) => /^(?:name|key)$/i.test(member))?.[1] as unknown;
  const given = members.find(([member]) => /^value$/i.test(member));
  return typeof name === 'string' && given !== undefined ? { name, member: given[0], value: given[1] } : null;
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
  if (text === '') return false;
  // Also in an address in S3, or in one that is a file's.
  if (hasSecretAddress(text)) return true;
  if (REFERENCE.test(text)) return false;
  const name = nameOf(path);
  if (NAME.test(name) && !NO_SECRET_NAME.test(name)) return true;
  if (/^\s*[{[]/.test(text)) return findSecrets(parseJson(text)).length > 0;
  // In a statement of SQL, or in words, a name with "=" is a condition.
  return !/\s|:\/\//.test(text) && redactSecrets(text) !== text;
}

function nameOf(path: string): string {
  return path
    .replace(/(?:\[\d+\])+$/, '')
    .split('.')
    .slice(-3)
    .join('.');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** An address that is known as one where who knows it may speak. */
function isWebhook(address: string): boolean {
  const [place = ''] = address.split(/[?#;]/);
  return /^https?:\/\/[^@=]*$/i.test(place) && redactSecrets(place) !== place;
}

/** Whether an address is a secret, or a parameter of one: of its query, or after a semicolon as in addresses of databases. */
function hasSecretAddress(text: string): boolean {
  const addresses = text.match(/(?:\bhttps?)?:\/\/[^\s"'<>]{1,100000}/gi) ?? [];
  return addresses.some(
    (address) =>
      isWebhook(address) ||
      address
        .split(/[?&;#]/)
        .slice(1)
        .some((parameter) => {
          const at = parameter.indexOf('=');
          const [name, value] = [parameter.slice(0, at), parameter.slice(at + 1)];
          if (at < 1 || value === '' || NO_SECRET_NAME.test(name) || REFERENCE.test(value)) return false;
          const given = `?${parameter}`;
          return NAME.test(name) || redactSecrets(given) !== given;
        }),
  );
}
