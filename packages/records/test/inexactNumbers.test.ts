import { InexactSearch, mayHaveInexact } from '../src/inexactNumbers';

/** What both ways of looking say, whatever the chunks. */
function looksInexact(text: string): boolean {
  const found = new Set([mayHaveInexact(text)]);
  for (const chunk of [1, 3, 16, 40, text.length]) {
    const search = new InexactSearch();
    for (let at = 0; at < text.length; at += chunk) search.push(Buffer.from(text.slice(at, at + chunk)));
    found.add(search.found);
  }
  expect(found.size).toBe(1);
  return found.has(true);
}

const NUMBERS = ['1e-400', '-1.5E-999', '0.12345678901234567', '-12345678901234.567', '1234567890123456e2'];
const PLAIN = ['1', '1e3', '-12.5e-10', '0.1', '123456789012345', '"2018-06-04T13:00:46Z"'];

test.each(NUMBERS)('%s may be more than a double has, wherever it stands', (number) => {
  for (let i = 0; i < 30; i++) {
    const text = `{"${'x'.repeat(i)}":${number}}`;
    expect([text, looksInexact(text)]).toEqual([text, true]);
    const list = `{"a":[1,"${'e'.repeat(i)}",${number},null]}`;
    expect([list, looksInexact(list)]).toEqual([list, true]);
  }
});

test.each(PLAIN)('%s is what a double has, or a text', (value) => {
  for (let i = 0; i < 30; i++)
    expect(looksInexact(`{"${'x'.repeat(i)}":${value},"b":[${value}]}`)).toBe(false);
});
