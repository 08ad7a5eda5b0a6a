import { SluiceError } from 'sluice';
import { escapeHtml } from 'sluice-pictures';

export interface BlockSpend {
  block: number;
  spend: bigint;
}

const SIZE = { width: 960, height: 360, left: 90, bottom: 40, top: 40 };
/** More bars than pixels are no picture: neighbours are put together. */
const MOST_BARS = 400;

const ROW = /^(\d{1,16}|"\d{1,16}"),(\d+|"\d+")$/;

/**
 * The rows of `block,spend` in CSV, all of them.
 * @param file what errors name
 * @throws SluiceError BadData that names the line
 */
export function parseSpend(csv: string, file: string): BlockSpend[] {
  const [header, ...lines] = csv.trimEnd().split(/\r?\n/);
  if (header?.replaceAll('"', '') !== 'block,spend')
    throw new SluiceError(
      'BadData',
      `${file}: the header is "${header}", not block,spend; ask the question anew`,
    );
  return lines.map((line, i) => {
    if (!ROW.test(line))
      throw new SluiceError(
        'BadData',
        `${file}, line ${i + 2}: no block and spend: ${line.slice(0, 80)}; ask the question anew`,
      );
    const [block, spend] = line.replaceAll('"', '').split(',') as [string, string];
    return { block: Number(block), spend: BigInt(spend) };
  });
}

/** Spend per block as bars. Amounts past 2^53 are scaled before they become numbers. */
export function drawSpend(rows: readonly BlockSpend[], title: string): string {
  const bars = groupBars(rows);
  const { width, height, left, bottom, top } = SIZE;
  const highest = bars.reduce((most, { spend }) => (spend > most ? spend : most), 1n);
  const step = (width - left - 10) / Math.max(1, bars.length);
  const drawn = bars.map(({ label, spend }, i) => {
    const tall = (Number((spend * 10_000n) / highest) / 10_000) * (height - top - bottom);
    const x = (left + i * step).toFixed(1);
    const y = (height - bottom - tall).toFixed(1);
    const wide = Math.max(0.5, step - 1).toFixed(1);
    return `<rect x="${x}" y="${y}" width="${wide}" height="${tall.toFixed(1)}"><title>block ${label}: ${spend} wei</title></rect>`;
  });
  const every = Math.ceil(bars.length / 10);
  const labels = bars.flatMap(({ label }, i) =>
    i % every === 0
      ? [
          `<text x="${(left + (i + 0.5) * step).toFixed(1)}" y="${height - bottom + 16}" text-anchor="middle">${label}</text>`,
        ]
      : [],
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escapeHtml(title)}" font-family="sans-serif" font-size="11">
<rect width="${width}" height="${height}" fill="white"/>
<text x="${left}" y="20" font-size="15">${escapeHtml(title)}</text>
<text x="${left - 8}" y="${top + 4}" text-anchor="end">${shorten(highest)}</text>
<text x="${left - 8}" y="${height - bottom}" text-anchor="end">0</text>
<path d="M${left} ${top}V${height - bottom}H${width - 10}" fill="none" stroke="#333"/>
<g fill="#3567a8">${drawn.join('')}</g>
<g fill="#333">${labels.join('')}</g>
</svg>
`;
}

/** A page that holds the picture and the table and loads nothing. */
export function drawPage(rows: readonly BlockSpend[], title: string): string {
  const body = rows.map(({ block, spend }) => `<tr><td>${block}</td><td>${spend}</td></tr>`).join('\n');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${escapeHtml(title)}</title>
<style>
body { font-family: sans-serif; margin: 2rem; }
svg { max-width: 100%; height: auto; }
th, td { border: 1px solid #ccc; padding: 0.2rem 0.6rem; text-align: right; }
table { border-collapse: collapse; margin-top: 2rem; }
</style>
</head>
<body>
<h1>${escapeHtml(title)}</h1>
${drawSpend(rows, title)}
<table>
<thead><tr><th>block</th><th>spend (wei)</th></tr></thead>
<tbody>
${body}
</tbody>
</table>
</body>
</html>
`;
}

function groupBars(rows: readonly BlockSpend[]): { label: string; spend: bigint }[] {
  const size = Math.ceil(rows.length / MOST_BARS) || 1;
  const bars: { label: string; spend: bigint }[] = [];
  for (let i = 0; i < rows.length; i += size) {
    const group = rows.slice(i, i + size);
    const [first, last] = [group[0]!.block, group.at(-1)!.block];
    const spend = group.reduce((sum, row) => sum + row.spend, 0n);
    bars.push({ label: first === last ? String(first) : `${first}-${last}`, spend });
  }
  return bars;
}

function shorten(amount: bigint): string {
  const digits = amount.toString();
  return digits.length <= 9 ? digits : `${digits[0]}.${digits.slice(1, 3)}e${digits.length - 1}`;
}
