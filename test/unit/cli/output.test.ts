import { fitTable, formatTable, shortenMiddle } from '../../../src/cli/output';

const HEAD = ['RUN', 'STATE', 'STEP'];
const ROWS = [
  ['hello-s3-lake-inbox-people.csv-1234567890', 'running', 'wait for a file'],
  ['hello', 'completed', 'write report'],
];

/** Has standard output be a terminal of this width, or none. */
function setTerminal(columns: number | null): void {
  Object.defineProperty(process.stdout, 'isTTY', { value: columns !== null, configurable: true });
  Object.defineProperty(process.stdout, 'columns', { value: columns ?? undefined, configurable: true });
}
const { isTTY, columns } = process.stdout;
afterEach(() => {
  Object.defineProperty(process.stdout, 'isTTY', { value: isTTY, configurable: true });
  Object.defineProperty(process.stdout, 'columns', { value: columns, configurable: true });
});

test.each([
  ['abcdefghij', 10, 'abcdefghij'],
  ['abcdefghij', 9, 'abcd…ghij'],
  ['abcdefghij', 4, 'ab…j'],
])('%s in %i columns is %s', (text, width, expected) => {
  expect(shortenMiddle(text, width)).toBe(expected);
});

test('a table fits the terminal: the first column gives first, and short texts stay', () => {
  setTerminal(60);
  const [long, short] = fitTable(HEAD, ROWS, [0, 2]);
  expect(long).toEqual(['hello-s3-lake-in….csv-1234567890', 'running', 'wait for a file']);
  expect(long!.join('  ').length + 'completed'.length - 'running'.length).toBe(60);
  expect(short).toEqual(ROWS[1]);
});

test('each column keeps what still tells it apart, in the narrowest terminal too', () => {
  setTerminal(20);
  expect(fitTable(HEAD, ROWS, [0, 2])[0]).toEqual(['hello-…67890', 'running', 'wait f… file']);
});

test('what is no terminal is given all of it', () => {
  setTerminal(null);
  expect(fitTable(HEAD, ROWS, [0, 2])).toEqual(ROWS);
});

test('a cell is one line, and its escapes are shown', () => {
  expect(formatTable(['A', 'B'], [['x\r\ny', '\u001b[31mred']])).toBe('A    B\nx y  \\x1b[31mred');
});
