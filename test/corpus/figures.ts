/** How many of each kind agree. */
export type Verdict = 'agrees' | 'refused' | 'wrong';

const figures = new Map<string, Record<Verdict, number>>();

export function addVerdict(kind: string, verdict: Verdict): void {
  const row = figures.get(kind) ?? { agrees: 0, refused: 0, wrong: 0 };
  row[verdict]++;
  figures.set(kind, row);
}

export function judge(found: string, answers: readonly string[]): Verdict {
  const agrees = answers.some((expected) =>
    expected.startsWith('ERROR') ? found.startsWith(expected) : found === expected,
  );
  if (agrees) return 'agrees';
  return found.startsWith('ERROR') ? 'refused' : 'wrong';
}

/** Prints a line a kind and one for all. @returns all */
export function printFigures(): Record<Verdict, number> {
  const all = { agrees: 0, refused: 0, wrong: 0 };
  const lines = [...figures].map(([kind, row]) => {
    for (const verdict of Object.keys(all) as Verdict[]) all[verdict] += row[verdict];
    return lineOf(kind, row);
  });
  process.stdout.write(`${[...lines, lineOf('all', all)].join('\n')}\n`);
  return all;
}

function lineOf(kind: string, { agrees, refused, wrong }: Record<Verdict, number>): string {
  return `${kind.padEnd(14)} ${String(agrees).padStart(4)} of ${String(agrees + refused + wrong).padStart(4)} agree, ${refused} refused, ${wrong} wrong`;
}
