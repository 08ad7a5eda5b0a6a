import Sequencer from '@jest/test-sequencer';

/** Which files are begun first where none has been timed yet, as in a fresh clone: small ones fill the gaps at the end. */
const FIRST = [/\/e2e\/|endToEnd|[kK]illed/, /\/integration\/|\/systems\//];

function place(file) {
  const found = FIRST.findIndex((pattern) => pattern.test(file));
  return found < 0 ? FIRST.length : found;
}

export default class extends Sequencer {
  sort(tests) {
    const sorted = super.sort(tests);
    if (sorted.some(({ duration }) => duration !== undefined)) return sorted;
    return sorted.sort((a, b) => place(a.path) - place(b.path));
  }
}
