import type { Answer, Trio } from '../../src/vcf/variantQueries';

/** The three answers of a VCF as CSV, by the rules alone: record by record, without an engine. */
export function expectedVariants(vcf: string, { child, father, mother }: Trio): Record<Answer, string> {
  const lines = vcf.split(/\r?\n/).filter(Boolean);
  const samples = lines.find((line) => line.startsWith('#CHROM'))!.split('\t');
  const found = new Map<string, { row: string[]; has: boolean; parentHas: boolean; reference: boolean }>();
  for (const line of lines) {
    if (line.startsWith('#')) continue;
    const fields = line.split('\t');
    const [chrom, pos, id, ref, alts] = fields as [string, string, string, string, string];
    const at = fields[8]!.split(':').indexOf('GT');
    const allelesOf = (sample: string) =>
      at === -1 ? [] : fields[samples.indexOf(sample)]!.split(':')[at]!.split(/[|/]/);
    const parents = [allelesOf(father), allelesOf(mother)];
    for (const [i, alt] of alts.split(',').entries()) {
      if (alt === '.') continue;
      const names = (alleles: string[]) => alleles.includes(String(i + 1));
      const key = [chrom, pos, ref, alt].join('\t');
      const known = found.get(key);
      const has = names(allelesOf(child));
      const parentHas = parents.some(names);
      const reference = parents.every((alleles) => alleles.length > 0 && alleles.every((one) => one === '0'));
      const name = id === '.' ? '' : id;
      if (known === undefined)
        found.set(key, { row: [chrom, pos, ref, alt, name], has, parentHas, reference });
      else {
        known.has ||= has;
        known.parentHas ||= parentHas;
        known.reference &&= reference;
        const named = [known.row[4]!, name].filter(Boolean).sort();
        known.row[4] = named[0] ?? '';
      }
    }
  }
  const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  const variants = [...found.values()].sort(
    (a, b) =>
      order(a.row[0]!, b.row[0]!) ||
      Number(a.row[1]) - Number(b.row[1]) ||
      order(a.row[2]!, b.row[2]!) ||
      order(a.row[3]!, b.row[3]!),
  );
  const csv = (kept: typeof variants) =>
    ['chrom,pos,ref,alt,id', ...kept.map(({ row }) => row.join(','))].map((line) => `${line}\n`).join('');
  return {
    child_alt: csv(variants.filter(({ has }) => has)),
    denovo_no_alt: csv(variants.filter(({ has, parentHas }) => has && !parentHas)),
    denovo_strict: csv(variants.filter(({ has, reference }) => has && reference)),
  };
}
