import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeWithBrowser, withPage } from '../../../test/support/browser';
import { drawCoverage, pointsOf } from '../src/pictures/drawCoverage';
import { drawPileup } from '../src/pictures/drawPileup';
import { reportPage, type Report } from '../src/pictures/reportPage';
import type { Site, SiteReads } from '../src/reads/sites';

const depths: [number, number][] = [
  [3, 10],
  [9, 10],
  [10, 20],
  [25, 60],
];
const view: SiteReads = {
  picture: 'pileups/17-500-A-T.svg',
  title: '17:500 A>T',
  pos: 500,
  samples: ['child', 'father', 'mother'].map((sample, i) => ({
    sample,
    reads: {
      total: 50,
      shown: [
        { start: 498, bases: i === 0 ? 'GGTCC' : 'GGACC', reverse: false },
        { start: 499, bases: 'GA-C', reverse: true },
      ],
    },
  })),
};
const site: Site = {
  ...{ chrom: '17', pos: 500, ref: 'A', alt: 'T', id: 'rs<1>', picture: view.picture },
  ...{ verdict: 'confirmed', reason: 'child has it in 1 of 2 reads' },
  samples: { child: { depth: 2, A: 1, C: 0, G: 0, T: 1, N: 0, deleted: 0, alt: 1 } },
};

async function exampleReport(): Promise<Report> {
  const row = ['17', '500', 'A', 'T', 'rs<1>'];
  const list = { count: 1, first: [row] };
  const about = { title: 'Variants', child: 'c', father: 'f', mother: 'm', region: '17', engine: 'duckdb' };
  return {
    ...{ ...about, genotypes: 's3://lake/a.vcf', rule: 'strict', minReads: 8 },
    lists: { child_alt: { count: 532, first: [row] }, denovo_no_alt: list, denovo_strict: list },
    reads: {
      coverages: [{ sample: 'c', depths }],
      sites: [site],
      pictures: {
        'coverage.svg': await drawCoverage([{ sample: 'c', depths }], 1),
        [site.picture]: await drawPileup(view),
      },
    },
  };
}

test('the distribution is the share of covered positions by depth rounded down, and adds up to 1', () => {
  const of = (bin: number) =>
    pointsOf({ sample: 'c', depths }, bin).map(({ depth, share }) => [depth, share]);
  expect(of(1)).toEqual([
    [3, 0.1],
    [9, 0.1],
    [10, 0.2],
    [25, 0.6],
  ]);
  expect(of(10)).toEqual([
    [1, 0.2],
    [10, 0.2],
    [20, 0.6],
  ]);
});

test('coverage has a logarithmic axis and a line a sample; without reads it is an empty picture', async () => {
  const svg = await drawCoverage(
    ['c', 'f', 'm'].map((sample) => ({ sample, depths })),
    1,
  );
  expect(svg).toMatch(/^<svg [^]*<\/svg>$/);
  expect(svg.match(/aria-roledescription="line mark"/g)).toHaveLength(3);
  expect(svg).toContain('log scale');
  expect(await drawCoverage([{ sample: 'c', depths: [] }], 1)).toMatch(/^<svg /);
});

test('a pileup shows what differs from most reads, what is at the site, and how many reads it leaves out', async () => {
  const svg = await drawPileup(view);
  expect(svg).toContain('child: 50 reads, 2 of them shown');
  const bases = [...svg.matchAll(/base: ([ACGTN-])/g)].map(([, base]) => base);
  // Of each sample: both reads at the site, and a deleted base behind it.
  expect(bases.sort().join('')).toBe('---AAAAAT');
  const none = { ...view, samples: [{ sample: 'child', reads: { total: 0, shown: [] } }] };
  expect(await drawPileup(none)).toContain('child: 0 reads');
});

test('the report escapes what it shows, has all pictures inside and no script, and says so without reads', async () => {
  const report = await exampleReport();
  const page = reportPage(report);
  expect(page).toContain('17:500 A&#62;T (rs&#60;1&#62;) <span class="verdict confirmed">confirmed</span>');
  expect(page).toContain('<td class="number">532</td>');
  expect(page).not.toMatch(/<script|href=|src="(?!data:image\/svg\+xml;base64,)/);
  expect(page.match(/<img /g)).toHaveLength(2);
  expect(reportPage({ ...report, reads: null })).toContain('No reads were given');
});

describeWithBrowser('the report in a browser', () => {
  test('fits a phone and a screen, and its pictures are drawn without a network', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-report-'));
    try {
      const file = join(folder, 'report.html');
      await writeFile(file, reportPage(await exampleReport()));
      await withPage(async (page) => {
        let asked: string[] = [];
        page.on('request', (request) => {
          if (!request.url().startsWith('data:')) asked.push(request.url());
        });
        for (const width of [390, 1200]) {
          asked = [];
          await page.setViewportSize({ width, height: 800 });
          await page.goto(`file://${file}`);
          expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(
            width,
          );
          const drawn = await page.evaluate<boolean[]>(
            '[...document.images].map(({ naturalWidth, naturalHeight }) => naturalWidth > 100 && naturalHeight > 100)',
          );
          expect(drawn).toEqual([true, true]);
          expect(asked).toHaveLength(1);
        }
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }, 60_000);
});
