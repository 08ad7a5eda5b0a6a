import { holdsInexact } from '../src/inexactNumbers';

const NUMBERS = ['1e-400', '-1.5E-999', '0.12345678901234567', '-12345678901234.567', '1234567890123456e2'];
const PLAIN = ['1', '1e3', '-12.5e-10', '0.1', '123456789012345', '"2018-06-04T13:00:46Z"'];

test.each(NUMBERS)('%s may be more than a double has, wherever it stands', (number) => {
  for (let i = 0; i < 30; i++) {
    const text = `{"${'x'.repeat(i)}":${number}}`;
    expect([text, holdsInexact(Buffer.from(text))]).toEqual([text, true]);
    const list = `{"a":[1,"${'e'.repeat(i)}",${number},null]}`;
    expect([list, holdsInexact(Buffer.from(list))]).toEqual([list, true]);
  }
});

test.each(PLAIN)('%s is what a double has, or a text', (value) => {
  for (let i = 0; i < 30; i++)
    expect(holdsInexact(Buffer.from(`{"${'x'.repeat(i)}":${value},"b":[${value}]}`))).toBe(false);
});
