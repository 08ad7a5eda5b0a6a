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
/** All forms of the secrets that this process was given, and what finds them. */
const forms = new Set<string>();
let given: RegExp | null = null;

/**
 * From now on, no text shows these secrets of this process, whatever stands around them: a service may repeat what it was
 * sent, as it is or encoded. Those of fewer than eight characters stay as they are.
 */
export function hideSecrets(secrets: Iterable<string>): void {
  const before = forms.size;
  for (const secret of secrets)
    if (secret.length >= LEAST_LENGTH) for (const form of formsOf(secret)) forms.add(form);
  if (forms.size === before) return;
  // The longest first: one may hold another.
  const sorted = [...forms].sort((a, b) => b.length - a.length);
  given = new RegExp(sorted.map((form) => form.replace(/[^\w]/g, '\\$&')).join('|'), 'gi');
}

/** A text as it is, in an address, in JSON, in XML, and in base64 and hexadecimal digits with other text around it. */
export function formsOf(text: string): string[] {
  const bytes = Buffer.from(text);
  // Of its first and last characters some belong to what stands before and after.
  const inBase64 = [0, 1, 2].map((before) =>
    Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64url')
      .slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6)),
  );
  const json = JSON.stringify(text).slice(1, -1);
  const xml = text.replace(/[<>&"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
  const named = text
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
    .replace(/'/g, '&apos;');
  return [
    ...new Set([
      ...[text, json, JSON.stringify(json).slice(1, -1), xml, named, bytes.toString('hex')],
      ...[encodeURI(text), encodeURIComponent(text), encodeURIComponent(encodeURIComponent(text))],
      ...[new URLSearchParams({ text }).toString().slice('text='.length), escape(text)],
      ...inBase64,
      ...inBase64.map((form) => form.replace(/-/g, '+').replace(/_/g, '/')),
    ]),
  ];
}

/**
 * The text without user names and passwords in addresses, tokens, keys, signatures and the headers that hold them, and without
 * the secrets that this process was given (`hideSecrets`).
 */
export function redactSecrets(text: string): string {
  const without = given === null ? text : text.replace(given, HIDDEN);
  return RULES.reduce((cleaned, [expression, hidden]) => cleaned.replace(expression, hidden), without);
}
