import { escapeHtml } from 'sluice-pictures';

/** A table of a page; a cell that is null is not known. */
export interface Table {
  title: string;
  columns: string[];
  rows: (string | number | null)[][];
}

export interface Page {
  title: string;
  remarks: string[];
  /** SVG. */
  pictures: string[];
  tables: Table[];
}

/** A page that holds its pictures and loads nothing. */
export function writePage({ title, remarks, pictures, tables }: Page): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${escapeHtml(title)}</title>
<style>
body { font-family: sans-serif; margin: 2rem; }
svg { max-width: 100%; height: auto; }
table { border-collapse: collapse; margin: 1rem 0 2rem; }
th, td { border: 1px solid #ccc; padding: 0.3rem 0.6rem; text-align: left; vertical-align: top; }
</style>
</head>
<body>
<h1>${escapeHtml(title)}</h1>
${remarks.map((remark) => `<p>${escapeHtml(remark)}</p>`).join('\n')}
${pictures.join('\n')}
${tables.map(writeTable).join('\n')}
</body>
</html>
`;
}

function writeTable({ title, columns, rows }: Table): string {
  const cells = (tag: string, values: Table['rows'][number]) =>
    `<tr>${values.map((value) => `<${tag}>${escapeHtml(show(value))}</${tag}>`).join('')}</tr>`;
  return `<h2>${escapeHtml(title)}</h2>
<table>
<thead>${cells('th', columns)}</thead>
<tbody>
${rows.map((row) => cells('td', row)).join('\n')}
</tbody>
</table>`;
}

function show(value: string | number | null): string {
  if (value === null) return 'not known';
  return typeof value === 'number' ? String(Math.round(value * 100) / 100) : value;
}
