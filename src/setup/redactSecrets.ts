const HIDDEN = '***';
/** Names that only a secret has: what is said of one after a colon or an equals sign is hidden unless it is an ordinary word. */
const SECRET_NAME =
  'password|passwd|passphrase|passcode|pwd|[-_]pass|(?:api|account)[-_ ]?key|(?:secret[-_]?)?access[-_]?key(?:[-_]?id)?|' +
  '(?:secret|private|master|signing|encryption|storage|subscription)[-_]?key|client[-_]?secret|' +
  '(?:session|access|auth|refresh|security|bearer|api|personal|id)[-_]?token';
/** How the name of a setting, member or parameter ends whose value nobody may see. */
const NAME = `${SECRET_NAME}|secret|token|signature|\\bsig|[-_]credential|authorization|cookie`;
const HEADER =
  '(?:proxy-)?authorization|(?:set-)?cookie|x-[a-z-]{0,40}(?:secret|token|key|signature)|api-key';
/** A sign that may be percent-encoded, once or more. */
const encoded = (sign: string, digits: string) => `(?:${sign}|%(?:25){0,3}${digits})`;
const [EQUALS, COLON, QUOTE, BLANK] = [
  encoded('=', '3D'),
  encoded(':', '3A'),
  encoded('\\\\{0,3}["\']', '2[27]'),
  encoded('[ \\t]', '20'),
];
/** A value without quotes: signs that end one belong to it where another name does not follow them. */
const BARE = `(?:(?!%(?:25){0,3}2[267])[^\\s&,;"'\\\\<>)}\\]]|[,;)}\\]](?=\\w)(?![\\w.-]{1,40}[=:])|["'](?=\\w))`;
/** Up to the quote that began it, if that is not escaped. It is the third group. */
const QUOTED = `(?:(?!(?<!\\\\)\\3)[^\\n])`;

/** What is said of a password by those who do not know it. */
const ORDINARY = new RegExp(
  `^(?:${
    'a|an|the|this|that|it|its|your|one|two|any|all|is|was|are|be|been|has|have|had|not|no|none|null|nil|undefined|unset|empty|blank|' +
    'missing|required|optional|wrong|bad|invalid|valid|incorrect|expired|unexpected|expected|unknown|unsupported|mismatch|denied|' +
    'rejected|refused|failed|failure|error|changed|locked|must|should|shall|may|can|cannot|could|did|does|do|see|give|set|use|used|' +
    'please|check|contact|enter|try|for|from|of|in|on|or|and|but|as|at|to|by|with|without|too|only|string|text|varchar|field|value|' +
    'values|column|true|false|yes|hidden|redacted|masked|renew|length|least|authentication|authorization'
  })$`,
  'i',
);
/** Where a secret is, what stands in its place, or what is hidden. */
const ELSEWHERE = /^(?:arn:|s3:|file:|ssm:|vault:|\$|\{\{|<|\*{3})/i;
const ONLY_SECRETS = new RegExp(`(?:${SECRET_NAME})$`, 'i');

/** Whether what stands after a name, and is in no quotes, is its secret rather than words about it. */
function isValue(name: string, given: string): boolean {
  const value = given.replace(/[.,;:!?)]{1,3}$/, '');
  if (value === '' || ELSEWHERE.test(value) || ORDINARY.test(value)) return false;
  if (ONLY_SECRETS.test(name)) return true;
  // A token is also what a parser finds, and a secret has a name.
  return (
    /^[\w+/=.~%-]{12,}$/.test(value) &&
    /\d/.test(value) &&
    /[a-z]/i.test(value) &&
    !/^(?:[a-z_$][\w$]*\.)+[a-z_$][\w$]*$/i.test(value) &&
    !/^[a-z\d_-]+\/[a-z\d/_-]+$/.test(value)
  );
}

type Rule = [RegExp, string | ((found: string, ...groups: string[]) => string)];

/** What is hidden, the longest first. Each takes time linear in the text: repetitions are bounded or cannot overlap. */
const RULES: Rule[] = [
  [/-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^-]{0,20000}/g, HIDDEN],
  // A user and a password in an address; the password may hold "@".
  [/([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/?#"'<>\\]{1,1000}@/gi, `$1${HIDDEN}@`],
  // Whoever knows such an address may speak there.
  [
    /(\/\/(?:hooks\.slack\.com\/[a-z]{1,20}|[\w.-]{1,80}\.office(?:365)?\.com\/webhook\w{0,4}|(?:\w{1,10}\.)?discord(?:app)?\.com\/api(?:\/v\d{1,2})?\/webhooks|api\.telegram\.org)\/)[^\s"'<>\\]{1,1000}/gi,
    `$1${HIDDEN}`,
  ],
  [/([?&](?:key|code)=)[\w~.%+/=-]{16,4000}/gi, `$1${HIDDEN}`],
  [new RegExp(`(\\b(?:${HEADER})\\s{0,4}:\\s{0,4})[^\\s"'\\\\][^"'\\\\\\r\\n]{0,4000}`, 'gi'), `$1${HIDDEN}`],
  [
    new RegExp(`\\b((?:bearer|basic)(?:${BLANK}|\\+){1,4})([\\w.~+/=-]{6,20000})`, 'gi'),
    (found, scheme = '', value = '') =>
      /[\d=+/]|[a-z][A-Z]/.test(value) || value.length >= 20 ? `${scheme}${HIDDEN}` : found,
  ],
  // "name": "value" as in JSON, also JSON in JSON, and as other languages write it; name="value".
  [
    new RegExp(
      `((?:${NAME})(?:${QUOTE})?\\s{0,4}(?:=>|=|${COLON})\\s{0,4}\\[?\\s{0,4}[bu]?)((\\\\{0,3}["'])${QUOTED}{1,4000})`,
      'gi',
    ),
    (_, before = '', _value, quote = '') => `${before}${quote}${HIDDEN}`,
  ],
  // A pair of name and value, not a list of names.
  [
    new RegExp(
      `([([]\\s{0,4}[bu]?["'][\\w.-]{0,40}(?:${SECRET_NAME}|authorization)["'],\\s{0,4}[bu]?["'])[^"'\\n]{1,4000}(?=["']\\s{0,4}[)\\]])`,
      'gi',
    ),
    `$1${HIDDEN}`,
  ],
  // name=value as in an address or a file of settings, and --name value.
  [new RegExp(`((?:${NAME})${EQUALS})${BARE}{1,4000}`, 'gi'), `$1${HIDDEN}`],
  [
    new RegExp(
      `((?<!-)--[a-z-]{0,40}(?:${NAME}) {1,4})(?:"[^"\\n]{1,4000}|'[^'\\n]{1,4000}|[^\\s"']{1,4000})`,
      'gi',
    ),
    `$1${HIDDEN}`,
  ],
  [/((?<![\w-])(?:-u|--user)[ =]{1,4}["']?[^\s:"']{1,200}:)[^\s"']{1,1000}/g, `$1${HIDDEN}`],
  // name: value and name = value as in words, YAML and settings; in an ARN, "secret:" stands before a name.
  [
    new RegExp(
      `((?<!:)(${NAME})(?:${QUOTE})?(?:${BLANK}){0,8}(?:${COLON}|=>|${EQUALS}{1,3})(?:${BLANK}){0,8}(?:${QUOTE})?)(${BARE}{1,4000})`,
      'gi',
    ),
    (found, before = '', name = '', value = '') => (isValue(name, value) ? `${before}${HIDDEN}` : found),
  ],
  // As statements of SQL give a password or a key.
  [
    new RegExp(
      `(\\b(?:identified\\s{1,8}(?:with\\s{1,8}\\S{1,64}\\s{1,8})?(?:by|as)(?:\\s{1,8}password)?|\\w{0,40}(?:${SECRET_NAME}))\\s{1,8})(?:'[^'\\n]{1,4000}|"[^"\\n]{1,4000})`,
      'gi',
    ),
    `$1${HIDDEN}`,
  ],
  [/(\bidentified\s{1,8}by\s{1,8})(?!password\s)[^\s"';*]{1,1000}/gi, `$1${HIDDEN}`],
  // <password>value</password>
  [new RegExp(`(<[\\w:-]{0,40}(?:${NAME})>)[^<\\n]{1,4000}`, 'gi'), `$1${HIDDEN}`],
  // Tokens that are known by how they begin, and a JSON Web Token.
  [
    /(?<!\w)(?:gh[opusr]_|github_pat_|glpat-|xox[a-z](?:\.xox[a-z])?-|xapp-|npm_|pypi-|dapi|hvs\.|sk-|[rs]k_live_|AIza|ya29\.|dop_v1_|SG\.)(?=[^\s\d]{0,80}\d)[\w.-]{12,4000}/g,
    HIDDEN,
  ],
  [/(?:(?<![\w-])|(?<=\\[nrt]))eyJ[\w-]{6,20000}(?:\.[\w-]{4,20000}){1,4}/g, HIDDEN],
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
  return RULES.reduce(
    // TypeScript knows no call that takes either.
    (cleaned, [expression, hidden]) => cleaned.replace(expression, hidden as string),
    without,
  );
}
