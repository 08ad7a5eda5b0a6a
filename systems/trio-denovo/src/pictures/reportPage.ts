import { escapeHtml } from 'sluice-pictures';
import { MAX_PARENT_SHARE, MIN_CHILD_READS, MIN_CHILD_SHARE } from '../reads/judgeSite';
import { titleOf, type Site } from '../reads/sites';
import type { Answer } from '../vcf/variantQueries';
import type { SampleCoverage } from './drawCoverage';

export interface ListedVariants {
  count: number;
  /** `chrom, pos, ref, alt, id` of the first ones. */
  first: string[][];
}

export interface Report {
  title: string;
  child: string;
  father: string;
  mother: string;
  region: string;
  genotypes: string;
  engine: string;
  /** `strict` or `noAlt`. */
  rule: string;
  minReads: number;
  lists: Record<Answer, ListedVariants>;
  /** Null for a run without reads. */
  reads: {
    coverages: SampleCoverage[];
    sites: Site[];
    /** SVG by name. */
    pictures: Record<string, string>;
  } | null;
}

const STYLE = `
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1rem; color: #111827; background: #fff; }
h1 { font-size: 1.5rem; line-height: 1.2; } h2 { font-size: 1.2rem; margin-top: 2rem; } h3 { font-size: 1rem; margin-bottom: 0.25rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; } dt { color: #4b5563; } dd { margin: 0; overflow-wrap: anywhere; }
.wide { overflow-x: auto; } .wide img { display: block; } img.fit { max-width: 100%; height: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; } th, td { border: 1px solid #d1d5db; padding: 0.2rem 0.5rem; text-align: left; }
td.number { text-align: right; } .verdict { font-weight: 600; padding: 0 0.4rem; border-radius: 0.25rem; white-space: nowrap; }
.confirmed { background: #dcfce7; } .not-seen { background: #fee2e2; } .too-few-reads { background: #fef3c7; }
`;

const LISTS: [Answer, string][] = [
  ['child_alt', 'variants of the child'],
  ['denovo_no_alt', 'of them, neither parent has the variant'],
  ['denovo_strict', 'of them, both parents are called and have the reference alone'],
];

/** A page that loads nothing and has no scripts; pictures are inside it. */
export function reportPage(report: Report): string {
  const { title, child, father, mother, region, genotypes, engine, lists, reads, rule } = report;
  const about = { child, father, mother, region, genotypes, engine };
  const listed = rule === 'strict' ? 'denovo_strict' : 'denovo_no_alt';
  const { count, first } = lists[listed];
  const left =
    count > first.length ? `<p>The first ${first.length} of ${count}; ${listed}.csv has all.</p>` : '';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escapeHtml(title)}</h1>
<dl>${Object.entries(about)
    .map(([name, value]) => `<dt>${name}</dt><dd>${escapeHtml(value)}</dd>`)
    .join('')}</dl>
<h2>Variants</h2>
<div class="wide">${table(
    ['file', 'variants', 'what it has'],
    LISTS.map(([answer, what]) => [`${answer}.csv`, lists[answer].count, what]),
  )}</div>
<h2>De novo (${listed})</h2>
${left}<div class="wide">${table(['chrom', 'pos', 'ref', 'alt', 'id', 'reads'], withVerdicts(first, reads?.sites ?? []))}</div>
${reads === null ? '<p>No reads were given, so nothing says whether these are real.</p>' : readsOf(report, reads)}
</body>
</html>
`;
}

/** With what the reads say, of those that were looked at. */
function withVerdicts(rows: string[][], sites: readonly Site[]): string[][] {
  const key = (values: unknown[]) => values.join(' ');
  const verdicts = new Map(
    sites.map(({ chrom, pos, ref, alt, verdict }) => [key([chrom, pos, ref, alt]), verdict]),
  );
  return rows.map((row) => [...row, verdicts.get(key(row.slice(0, 4))) ?? '']);
}

function readsOf({ minReads }: Report, { coverages, sites, pictures }: NonNullable<Report['reads']>): string {
  const shownSites = sites.map((site) => {
    const rows = Object.entries(site.samples).map(([sample, bases]) => {
      const { depth, A, C, G, T, N, deleted, alt } = bases;
      return [sample, depth, A, C, G, T, N, deleted, alt];
    });
    return `<section>
<h3>${escapeHtml(titleOf(site))} <span class="verdict ${site.verdict.replaceAll(' ', '-')}">${site.verdict}</span></h3>
<p>${escapeHtml(site.reason)}</p>
<div class="wide">${table(['sample', 'reads', 'A', 'C', 'G', 'T', 'N', 'deleted', 'with ALT'], rows)}</div>
<div class="wide">${image(pictures[site.picture]!, `The reads over ${titleOf(site)}`)}</div>
</section>`;
  });
  return `<h2>Coverage</h2>
${image(pictures['coverage.svg']!, 'Share of positions by depth, a line a sample', 'fit')}
<div class="wide">${table(['sample', 'covered positions', 'median depth', 'mean depth'], coverages.map(summaryOf))}</div>
<h2>What the reads say</h2>
<p>A site is <b>too few reads</b> when one of the three has less than ${minReads} reads there; <b>not seen</b> when less than ${MIN_CHILD_READS} of
the child's reads, or less than ${MIN_CHILD_SHARE * 100} % of them, have the variant, or more than ${MAX_PARENT_SHARE * 100} % of a parent's; <b>confirmed</b> otherwise.</p>
${sites.length === 0 ? '<p>No sites.</p>' : shownSites.join('\n')}`;
}

function summaryOf({ sample, depths }: SampleCoverage): (string | number)[] {
  const covered = depths.reduce((sum, [, positions]) => sum + positions, 0);
  if (covered === 0) return [sample, 0, '', ''];
  let below = 0;
  const median = depths.find(([, positions]) => (below += positions) * 2 >= covered)![0];
  const mean = depths.reduce((sum, [depth, positions]) => sum + depth * positions, 0) / covered;
  return [sample, covered, median, mean.toFixed(1)];
}

function table(header: string[], rows: (string | number)[][]): string {
  const cell = (value: string | number) =>
    typeof value === 'number' ? `<td class="number">${value}</td>` : `<td>${escapeHtml(value)}</td>`;
  const body = rows.map((row) => `<tr>${row.map(cell).join('')}</tr>`).join('\n');
  return `<table>
<thead><tr>${header.map((name) => `<th>${escapeHtml(name)}</th>`).join('')}</tr></thead>
<tbody>
${body}
</tbody>
</table>`;
}

/** An image of its own, since the names inside pictures would meet in one page. */
function image(svg: string, description: string, kind = ''): string {
  const data = Buffer.from(svg).toString('base64');
  return `<img class="${kind}" alt="${escapeHtml(description)}" src="data:image/svg+xml;base64,${data}">`;
}
