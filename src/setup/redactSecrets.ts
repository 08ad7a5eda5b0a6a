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

/** The text without user names and passwords in addresses, tokens, keys, signatures and the headers that hold them. */
export function redactSecrets(text: string): string {
  return RULES.reduce((cleaned, [expression, hidden]) => cleaned.replace(expression, hidden), text);
}
