/** Bytes of digits and points, by code. */
const DIGITS = new Uint8Array(256);
for (const digit of '0123456789.') DIGITS[digit.charCodeAt(0)] = 1;
/** A double has all digits of a number that has fewer digits and points. */
const MOST_DIGITS = 16;
/** A number with so small an exponent may be less than the least double. DuckDB keeps what is more than the largest. */
const TINY = /[\d.][eE]-\d{3}/;
const INEXACT = /[\d.]{16}|[\d.][eE]-\d{3}/;
/** What is looked at again with the next chunk: a number may lie across the end. */
const KEPT_BYTES = 32;

/** Whether a line of JSON may hold numbers whose digits DuckDB's reader would lose. Texts that look like such numbers count as well. */
export function mayHaveInexact(line: string): boolean {
  return INEXACT.test(line);
}

/** Whether a stream of JSON may hold such numbers, at the speed of memory. */
export class InexactSearch {
  found = false;
  private end = Buffer.alloc(0);

  push(chunk: Buffer): void {
    this.found ||=
      holdsInexact(chunk) || holdsInexact(Buffer.concat([this.end, chunk.subarray(0, KEPT_BYTES)]));
    this.end = Buffer.from(
      chunk.length < KEPT_BYTES
        ? Buffer.concat([this.end, chunk]).subarray(-KEPT_BYTES)
        : chunk.subarray(-KEPT_BYTES),
    );
  }
}

function holdsInexact(bytes: Buffer): boolean {
  return holdsManyDigits(bytes) || holdsTiny(bytes, 'e-') || holdsTiny(bytes, 'E-');
}

/** Of so many in a row, one stands at each place that is looked at, and another half as far before or behind it. */
function holdsManyDigits(bytes: Buffer): boolean {
  const { length } = bytes;
  const half = MOST_DIGITS / 2;
  for (let at = MOST_DIGITS - 1; at < length; at += MOST_DIGITS) {
    if (DIGITS[bytes[at]!] === 0) continue;
    if (DIGITS[bytes[at - half]!] === 0 && (at + half >= length || DIGITS[bytes[at + half]!] === 0)) continue;
    let [start, end] = [at, at + 1];
    while (start > 0 && DIGITS[bytes[start - 1]!] === 1) start--;
    while (end < length && DIGITS[bytes[end]!] === 1) end++;
    if (end - start >= MOST_DIGITS) return true;
  }
  return false;
}

function holdsTiny(bytes: Buffer, exponent: string): boolean {
  for (let at = bytes.indexOf(exponent); at !== -1; at = bytes.indexOf(exponent, at + 1)) {
    if (TINY.test(bytes.toString('latin1', Math.max(0, at - 1), at + 5))) return true;
  }
  return false;
}
