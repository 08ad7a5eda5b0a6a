// In the sandbox of a workflow each look at a global goes through Node's own context, which takes longer than the work.
const { imul } = Math;

/** Two hashes of 32 bits, multiplied with different odd numbers and mixed, of which 53 bits are kept. */
export function hash53(text: string): number {
  let [a, b] = [0x9e3779b1, 0x85ebca6b];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = imul(a ^ code, 0xc2b2ae35);
    b = imul(b ^ code, 0x27d4eb2f);
  }
  a = imul(a ^ (a >>> 15), 0x2c1b3c6d) ^ b;
  b = imul(b ^ (b >>> 13), 0x297a2d39) ^ a;
  return ((b ^ (b >>> 16)) & 0x1fffff) * 0x1_0000_0000 + ((a ^ (a >>> 15)) >>> 0);
}
