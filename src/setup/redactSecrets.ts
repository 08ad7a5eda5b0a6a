const HIDDEN = '***';
/** How the name of a setting, member or parameter ends whose value nobody may see. */
const NAME =
  'password|passwd|passphrase|pwd|secret|token|signature|\\bsig|api[-_]?key|access[-_]?key(?:[-_]?id)?|private[-_]?key|[-_]credential|authorization|cookie';
const HEADER =
  '(?:proxy-)?authorization|(?:set-)?cookie|x-[a-z-]{0,40}(?:secret|token|key|signature)|api-key';

/** What is hidden, the longest first. Each takes time linear in the text: repetitions are bounded or cannot overlap. */
const RULES: [RegExp, string][] = [
  [/-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^-]{0,20000}/g, HIDDEN],
  // A user and a password in an address; the password may hold "@".
  [/([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/?#"'<>\\]{1,1000}@/gi, `$1${HIDDEN}@`],
  [new RegExp(`(\\b(?:${HEADER})\\s{0,4}:\\s{0,4})[^\\s"'\\\\][^"'\\\\\\r\\n]{0,4000}`, 'gi'), `$1${HIDDEN}`],
  [/\b((?:bearer|basic) {1,4})[\w.~+/=-]{8,}/gi, `$1${HIDDEN}`],
  // name=value as in an address or a file of settings, --name value, and "name": "value" as in JSON, also JSON in JSON.
  [
    new RegExp(`((?:${NAME})=)(?:"[^"\\n]{1,4000}|'[^'\\n]{1,4000}|[^\\s&,;"'\\\\<>)}\\]]{1,4000})`, 'gi'),
    `$1${HIDDEN}`,
  ],
  [new RegExp(`((?<!-)--[a-z-]{0,40}(?:${NAME}) )[^\\s"']{1,4000}`, 'gi'), `$1${HIDDEN}`],
  [
    new RegExp(`((?:${NAME})\\\\{0,3}["']\\s{0,4}:\\s{0,4}\\\\{0,3}["'])[^"'\\\\\\n]{1,4000}`, 'gi'),
    `$1${HIDDEN}`,
  ],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, HIDDEN],
];

/** A shorter one would hide parts of words. */
const LEAST_LENGTH = 8;
/** The secrets that this process was given, and what finds them. */
const secrets = new Set<string>();
let given: RegExp | null = null;

/**
 * From now on, no text shows these secrets of this process, whatever stands around them: a service may repeat what it was
 * sent, as it is or encoded. Those of fewer than eight characters stay as they are.
 */
export function hideSecrets(added: Iterable<string>): void {
  const before = secrets.size;
  for (const secret of added) if (secret.length >= LEAST_LENGTH) secrets.add(secret);
  if (secrets.size === before) return;
  // The longest first: one may hold another.
  const sorted = [...secrets].sort((a, b) => b.length - a.length);
  given = new RegExp(sorted.flatMap((secret) => [anyForm(secret), ...inDigits(secret)]).join('|'), 'gi');
}

const NAMED: Record<string, string> = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": 'apos' };

/** What a text is in addresses, JSON, XML and logs: each sign that is no letter or digit as it is or escaped, once or more. */
function anyForm(text: string): string {
  return [...text]
    .map((sign) => {
      if (/^\w$/.test(sign)) return sign;
      const code = sign.codePointAt(0)!;
      const bytes = [...Buffer.from(sign)].map((byte) => `%(?:25){0,3}${byte.toString(16).padStart(2, '0')}`);
      return `(?:${[
        `\\\\{0,8}${asLiteral(sign)}`,
        bytes.join(''),
        `&(?:amp;){0,2}(?:#${code}|#x0{0,4}${code.toString(16)}${sign in NAMED ? `|${NAMED[sign]}` : ''});`,
        `\\\\{1,8}u${code.toString(16).padStart(4, '0')}`,
        ...(sign === ' ' ? ['\\+'] : []),
      ].join('|')})`;
    })
    .join('');
}

/** A text in hexadecimal digits, and in base64 with other text before and after. */
function inDigits(text: string): string[] {
  const bytes = Buffer.from(text);
  // Of its first and last characters some belong to what stands around it.
  const encoded = [0, 1, 2].map((before) =>
    Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64url')
      .slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6)),
  );
  const eitherAlphabet = (form: string) =>
    [...form].map((sign) => (sign === '-' ? '(?:[-+]|%2b)' : sign === '_' ? '(?:[_/]|%2f)' : sign)).join('');
  return [bytes.toString('hex'), ...encoded.map(eitherAlphabet)];
}

function asLiteral(sign: string): string {
  return /[\^$\\.*+?()[\]{}|/-]/.test(sign) ? `\\${sign}` : sign;
}

/**
 * The text without user names and passwords in addresses, tokens, keys, signatures and the headers that hold them, and without
 * the secrets that this process was given (`hideSecrets`).
 */
export function redactSecrets(text: string): string {
  const without = given === null ? text : text.replace(given, HIDDEN);
  return RULES.reduce((cleaned, [expression, hidden]) => cleaned.replace(expression, hidden), without);
}
