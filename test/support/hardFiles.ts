import { gzipSync } from 'node:zlib';

/** A file that people really have, and what must become of it on every engine. */
export interface HardFile {
  bytes: string | Buffer;
  options?: { delimiter?: string; skipLines?: number; encoding?: string; maxBadShare?: number };
  /** Rows as `[date, stage, revenue]`; absent where the file is refused. */
  rows?: (string | null)[][];
  /** Of each rejected row, its line. */
  rejected?: number[];
  /** Of each value that could not be read, its line and text. */
  unread?: [number, string][];
  /** Part of the message of BadData. */
  refused?: string;
}

const H = 'Date,Stage,Revenue\n';
const utf16 = (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le');
const bigEndian = (text: string) => Buffer.from(utf16(text)).swap16();
const latin1 = (text: string) => Buffer.from(text, 'latin1');
const two = [
  ['a', 'Lead', '1'],
  ['b', 'Lead', '2'],
];
const long = 'x, ""y"" '.repeat(3_000);

export const HARD_FILES: Record<string, HardFile> = {
  plain: { bytes: `${H}a,Lead,1\nb,Lead,2\n`, rows: two },
  'no last line end': { bytes: `${H}a,Lead,1\nb,Lead,2`, rows: two },
  CRLF: { bytes: `${H}a,Lead,1\nb,Lead,2\n`.replaceAll('\n', '\r\n'), rows: two },
  'CRLF without the last': { bytes: `${H}a,Lead,1\nb,Lead,2`.replaceAll('\n', '\r\n'), rows: two },
  CR: { bytes: `${H}a,Lead,1\nb,Lead,2\n`.replaceAll('\n', '\r'), rows: two },
  'CR without the last': { bytes: `${H}a,Lead,1\nb,Lead,2`.replaceAll('\n', '\r'), rows: two },
  'LF, and one line with CRLF': { bytes: `${H}a,Lead,1\r\nb,Lead,2\n`, rows: two },
  'CRLF, and one line with LF': {
    bytes: `${H}a,Lead,1\nb,Lead,2\n`.replaceAll('\n', '\r\n').replace('1\r\n', '1\n'),
    rows: two,
  },
  'lines above the header that end in two ways': {
    bytes: `T 5\nsecond\r\n${H}a,Lead,1\nb,Lead,2\n`,
    options: { skipLines: 2 },
    rows: two,
  },
  'a quote above the header that never closes': {
    bytes: `"T\n${H}a,Lead,1\nb,Lead,2\n`,
    options: { skipLines: 1 },
    rows: two,
  },
  'a return within a quoted name': { bytes: `"z\rz",${H}0,a,Lead,1\n0,b,Lead,2\n`, rows: two },
  'delimiters too many at the end of rows': {
    bytes: `${H}a,Lead,1\nx,Lead,1,,\nx,Lead,1,,,,\nb,Lead,2,\n`,
    rows: two,
    rejected: [3, 4],
  },
  'a blank behind the last delimiter': { bytes: `${H}a,Lead,1, \nb,Lead,2,\t\n`, rows: two },
  'byte order mark': { bytes: `\ufeff${H}a,Lead,1\nb,Lead,2\n`, rows: two },
  'byte order mark before a quote': { bytes: `\ufeff"Date",Stage,Revenue\na,Lead,1\nb,Lead,2\n`, rows: two },
  'UTF-16 little endian': { bytes: utf16(`${H}a,Lead,1\nb,Lead,2\n`), rows: two },
  'UTF-16 big endian': { bytes: bigEndian(`${H}a,Lead,1\nb,Lead,2\n`), rows: two },
  'UTF-16 without its mark': {
    bytes: Buffer.from(`${H}a,Lead,1\n`, 'utf16le'),
    refused: 'give encoding utf-16le',
  },
  'UTF-16 without its mark, as it is said': {
    bytes: Buffer.from(`${H}a,Lead,1\nb,Lead,2\n`, 'utf16le').swap16(),
    options: { encoding: 'utf-16be' },
    rows: two,
  },
  'UTF-16 with CRLF': { bytes: utf16(`${H}a,Lead,1\nb,Lead,2\n`.replaceAll('\n', '\r\n')), rows: two },
  'UTF-16 with letters of all kinds': {
    bytes: utf16(`${H}日本語😀,Lead,1\n`),
    rows: [['日本語😀', 'Lead', '1']],
  },
  'UTF-16 with letters whose bytes are line feeds': {
    bytes: utf16(`${H}ĊഊA,Lead,1\n`),
    rows: [['ĊഊA', 'Lead', '1']],
  },
  gzip: { bytes: gzipSync(`${H}a,Lead,1\nb,Lead,2\n`), rows: two },
  'gzip of UTF-16': { bytes: gzipSync(utf16(`${H}a,Lead,1\nb,Lead,2\n`)), rows: two },
  'gzip that is cut': { bytes: gzipSync(H + 'a,Lead,1\n'.repeat(9)).subarray(0, 40), refused: 'gzip' },
  'Latin-1': { bytes: latin1(`${H}é,Lead,1\n`), refused: 'byte 20 (0xE9, line 2)' },
  'Latin-1, as it is said': {
    bytes: latin1(`${H}é,Lead,1\n`),
    options: { encoding: 'iso-8859-1' },
    rows: [['é', 'Lead', '1']],
  },
  'Windows-1252, as it is said': {
    bytes: Buffer.concat([latin1(H), Buffer.from([0x80]), latin1(',Lead,1\n')]),
    options: { encoding: 'windows-1252' },
    rows: [['€', 'Lead', '1']],
  },
  'Shift JIS, as it is said': {
    bytes: Buffer.concat([latin1(H), Buffer.from([0x93, 0xfa]), latin1(',Lead,1\n')]),
    options: { encoding: 'shift_jis' },
    rows: [['日', 'Lead', '1']],
  },
  'a byte that is no UTF-8 far behind': {
    bytes: Buffer.concat([Buffer.from(H + 'a,Lead,1\n'.repeat(1_000)), Buffer.from([0xff, 0x0a])]),
    refused: '(0xFF, line 1002)',
  },
  'a character that the end cuts': {
    bytes: Buffer.concat([Buffer.from(`${H}a,Lead,`), Buffer.from([0xe2, 0x82])]),
    refused: '0xE2',
  },
  'a line break in quotes': {
    bytes: `${H}"a\nb",Lead,1\nb,Lead,2\n`,
    rows: [['a\nb', 'Lead', '1'], two[1]!],
  },
  'a CRLF in quotes among LF': {
    bytes: `${H}"a\r\nb",Lead,1\nb,Lead,2\n`,
    rows: [['a\r\nb', 'Lead', '1'], two[1]!],
  },
  'a LF in quotes among CRLF': {
    bytes: 'Date,Stage,Revenue\r\n"a\nb",Lead,1\r\nb,Lead,2\r\n',
    rows: [['a\nb', 'Lead', '1'], two[1]!],
  },
  'a CR in quotes among CR': {
    bytes: 'Date,Stage,Revenue\r"a\rb",Lead,1\rb,Lead,2\r',
    rows: [['a\rb', 'Lead', '1'], two[1]!],
  },
  'the only line break in quotes in the last row': {
    bytes: `${H}a,Lead,1\nb,"New\nLead",2\n`,
    rows: [two[0]!, ['b', 'New\nLead', '2']],
  },
  'the only line break in quotes in a last row without its own': {
    bytes: `${H}a,Lead,1\nb,"New\nLead",2`,
    rows: [two[0]!, ['b', 'New\nLead', '2']],
  },
  'line breaks in quotes before a bad row': {
    bytes: `${H}"a\n\n\nb",Lead,1\nx,y\nb,Lead,n/a\n`,
    rows: [
      ['a\n\n\nb', 'Lead', '1'],
      ['b', 'Lead', null],
    ],
    rejected: [6],
    unread: [[7, 'n/a']],
  },
  'a comma and quotes in quotes': { bytes: `${H}"a, ""b""",Lead,1\n`, rows: [['a, "b"', 'Lead', '1']] },
  'a quote inside a field': { bytes: `${H}5" pipe,Lead,1\n`, rows: [['5" pipe', 'Lead', '1']] },
  'quotes inside fields around a comma': { bytes: `${H}a"b,L"ead,1\n`, rows: [['a"b', 'L"ead', '1']] },
  'a blank before a quote': { bytes: `${H}a, "Lead",1\n`, rows: [['a', '"Lead"', '1']] },
  'a blank behind a quote': { bytes: `${H}a,"Lead"\t ,1\n`, rows: [['a', 'Lead', '1']] },
  'text behind a quote': { bytes: `${H}"a"b,Lead,1\nb,Lead,2\n`, rows: [two[1]!], rejected: [2] },
  'a quote that never closes': {
    bytes: `${H}a,Lead,1\n"x,Lead,7\nb,Lead,2\n`,
    rows: two,
    rejected: [3],
  },
  'a quote that never closes in the last row': {
    bytes: `${H}a,Lead,1\nb,Lead,"2\n`,
    rows: [two[0]!],
    rejected: [3],
  },
  'blanks in quotes': {
    bytes: `${H}" a ",Lead,1\n"\tb",Lead,2\n`,
    rows: [
      [' a ', 'Lead', '1'],
      ['\tb', 'Lead', '2'],
    ],
  },
  'blanks without quotes': { bytes: `${H} a\t,\tLead , 1 \n`, rows: [['a', 'Lead', '1']] },
  'a number in quotes': { bytes: `${H}a,Lead,"1"\n`, rows: [['a', 'Lead', '1']] },
  'a number with blanks in quotes': {
    bytes: `${H}a,Lead," 1"\n`,
    rows: [['a', 'Lead', null]],
    unread: [[2, ' 1']],
  },
  'empty fields, quoted or not': { bytes: `${H},"",\n`, rows: [[null, null, null]] },
  'empty lines': { bytes: `${H}\na,Lead,1\n\n\nb,Lead,2\n\n`, rows: two },
  'a line of blanks': { bytes: `${H}a,Lead,1\n   \nb,Lead,2\n`, rows: two, rejected: [3] },
  'too few fields': { bytes: `${H}a,Lead,1\nx,Lead\nb,Lead,2\n`, rows: two, rejected: [3] },
  'too many fields': { bytes: `${H}a,Lead,1\nx,Lead,1,2\nb,Lead,2\n`, rows: two, rejected: [3] },
  'too few fields at the end': { bytes: `${H}a,Lead,1\nb,Lead,2\nx`, rows: two, rejected: [4] },
  'one comma too many': { bytes: `${H}a,Lead,1,\nb,Lead,2\n`, rows: two },
  'numbers that are none': {
    bytes: `${H}a,Lead,"1,234"\na,Lead,$5\na,Lead,(7)\na,Lead,12.5\na,Lead,1e3\na,Lead,0x1F\na,Lead,1_000\na,Lead,+\n`,
    rows: Array.from({ length: 8 }, () => ['a', 'Lead', null]),
    unread: [
      [2, '1,234'],
      [3, '$5'],
      [4, '(7)'],
      [5, '12.5'],
      [6, '1e3'],
      [7, '0x1F'],
      [8, '1_000'],
      [9, '+'],
    ],
  },
  'numbers at the ends of 64 bits': {
    bytes: `${H}a,Lead,9223372036854775807\nb,Lead,-9223372036854775808\nc,Lead,9223372036854775808\n`,
    rows: [
      ['a', 'Lead', '9223372036854775807'],
      ['b', 'Lead', '-9223372036854775808'],
      ['c', 'Lead', null],
    ],
    unread: [[4, '9223372036854775808']],
  },
  'signs and zeros before numbers': {
    bytes: `${H}a,Lead,+7\nb,Lead,-0\nc,Lead,007\n`,
    rows: [
      ['a', 'Lead', '7'],
      ['b', 'Lead', '0'],
      ['c', 'Lead', '7'],
    ],
  },
  'digits of another script': { bytes: `${H}a,Lead,５\n`, rows: [['a', 'Lead', null]], unread: [[2, '５']] },
  'columns in another order, and others between': {
    bytes: ' REVENUE ,Note,"st\tage",date\r\n1,"x, ""y""",Lead,a\r\n2,,Lead,b\r\n'.replace(
      'st\tage',
      'Stage',
    ),
    rows: two,
  },
  'two columns with one name, when it is read': {
    bytes: 'Date,Stage,Revenue,date\na,Lead,1,b\n',
    refused: 'columns 1 and 4 are both called "date"',
  },
  'two columns with one name, when it is not read': {
    bytes: 'Date,Stage,Revenue,X,x\na,Lead,1,,\nb,Lead,2,,\n',
    rows: two,
  },
  'a header only': { bytes: H, rows: [] },
  'a header only, without its line end': { bytes: H.trimEnd(), rows: [] },
  'no column of that name': {
    bytes: 'Date,Revenue\na,1\n',
    refused: 'no column "stage"; the header has date, revenue',
  },
  'an empty first line': { bytes: `\n${H}a,Lead,1\n`, refused: 'its header is line 2: give skipLines 1' },
  semicolons: {
    bytes: `${H}a,Lead,1\n`.replaceAll(',', ';'),
    refused: 'its fields are separated by ";": give delimiter',
  },
  'semicolons, as it is said': {
    bytes: `${H}a,Lead,1\nb,Lead,2\n`.replaceAll(',', ';'),
    options: { delimiter: ';' },
    rows: two,
  },
  tabs: { bytes: `${H}a,Lead,1\n`.replaceAll(',', '\t'), refused: 'separated by a tab: give delimiter' },
  'tabs, as it is said': {
    bytes: `${H}a,Lead,1\nb,Lead,2\n`.replaceAll(',', '\t'),
    options: { delimiter: '\\t' },
    rows: two,
  },
  'a title above the header': {
    bytes: `My sales\n\n${H}a,Lead,1\n`,
    refused: 'its header is line 3: give skipLines 2',
  },
  'a title above the header, as it is said': {
    bytes: `My "sales\n\n${H}a,Lead,1\nb,Lead,2\nx\n`,
    options: { skipLines: 2 },
    rows: two,
    rejected: [6],
  },
  'a title and CRLF, as it is said': {
    bytes: `My sales\n${H}a,Lead,1\nb,Lead,2\n`.replaceAll('\n', '\r\n'),
    options: { skipLines: 1 },
    rows: two,
  },
  'no row that can be read': { bytes: `${H}a\nb\n`, refused: 'no row could be read' },
  'a share of bad rows that is allowed': {
    bytes: `${H}a,Lead,1\nb,Lead,2\nx\n`,
    options: { maxBadShare: 0.5 },
    rows: two,
    rejected: [4],
  },
  'a share of bad rows that is not': {
    bytes: `${H}a,Lead,1\nb,Lead,n/a\n`,
    options: { maxBadShare: 0 },
    refused: 'line 3: revenue is "n/a"',
  },
  'long quoted fields': {
    bytes: `${H}"${long}",Lead,1\n`,
    rows: [[long.replaceAll('""', '"'), 'Lead', '1']],
  },
  'a backslash before a quote': {
    bytes: `${H}"a\\",Lead,1\n#b,Lead,2\n`,
    rows: [
      ['a\\', 'Lead', '1'],
      ['#b', 'Lead', '2'],
    ],
  },
};
