import { toSvg } from 'sluice-pictures';
import type { LayerSpec, UnitSpec } from 'vega-lite/build/src/spec';
import type { Field } from 'vega-lite/build/src/channeldef';
import type { SiteReads } from '../reads/sites';
import { BASE_COLORS } from './colors';

const ROW_HEIGHT = 9;
const COLUMN_WIDTH = 11;

interface ReadBar {
  row: number;
  from: number;
  to: number;
  reverse: boolean;
}

interface BaseMark {
  row: number;
  from: number;
  to: number;
  base: string;
}

/**
 * The reads over a site, a panel a sample: a bar a read, and its base where it differs from what most reads have, and at the
 * site in any case. There is no reference genome here: what most of the shown reads have is taken for it.
 */
export function drawPileup({ title, pos, samples }: SiteReads): Promise<string> {
  const reads = samples.flatMap((sample) => sample.reads.shown);
  const usual = usualBases(reads);
  const first = Math.min(pos, ...reads.map(({ start }) => start));
  const last = Math.max(pos, ...reads.map(({ start, bases }) => start + bases.length - 1));
  const panels = samples.map((sample): LayerSpec<Field> => {
    const bars = sample.reads.shown.map(({ start, bases, reverse }, row): ReadBar => {
      return { row, from: start - 0.5, to: start + bases.length - 0.5, reverse };
    });
    const marks = sample.reads.shown.flatMap(({ start, bases }, row) =>
      [...bases].flatMap((base, i): BaseMark[] =>
        start + i === pos || base !== usual.get(start + i)
          ? [{ row, from: start + i - 0.5, to: start + i + 0.5, base }]
          : [],
      ),
    );
    const { total, shown } = sample.reads;
    const left = total > shown.length ? `, ${shown.length} of them shown` : '';
    const x = {
      field: 'from',
      type: 'quantitative' as const,
      title: null,
      scale: { domain: [first - 0.5, last + 0.5], nice: false, zero: false },
      axis: { format: 'd', tickCount: 4, grid: false },
    };
    const y = { field: 'row', type: 'ordinal' as const, axis: null };
    const layers: UnitSpec<Field>[] = [
      {
        data: { values: [{ from: pos - 0.5, to: pos + 0.5 }] },
        mark: { type: 'rect', color: '#fde68a' },
        encoding: { x, x2: { field: 'to' } },
      },
      {
        data: { values: bars },
        mark: { type: 'bar', height: ROW_HEIGHT - 2, color: '#cbd5e1' },
        encoding: {
          x,
          x2: { field: 'to' },
          y,
          opacity: { condition: { test: 'datum.reverse', value: 0.6 }, value: 1 },
        },
      },
      {
        data: { values: marks },
        mark: { type: 'bar', height: ROW_HEIGHT - 2 },
        encoding: {
          x,
          x2: { field: 'to' },
          y,
          color: {
            field: 'base',
            type: 'nominal',
            title: 'base',
            scale: { domain: Object.keys(BASE_COLORS), range: Object.values(BASE_COLORS) },
          },
        },
      },
    ];
    return {
      title: { text: `${sample.sample}: ${total} reads${left}`, anchor: 'start', fontSize: 11 },
      width: Math.max(240, (last - first + 1) * COLUMN_WIDTH),
      height: Math.max(1, shown.length) * ROW_HEIGHT,
      layer: layers,
    };
  });
  return toSvg({ title, vconcat: panels, config: { background: 'white' } });
}

function usualBases(reads: readonly { start: number; bases: string }[]): Map<number, string> {
  const counts = new Map<number, Map<string, number>>();
  for (const { start, bases } of reads)
    for (const [i, base] of [...bases].entries()) {
      const at = counts.get(start + i) ?? new Map<string, number>();
      counts.set(start + i, at.set(base, (at.get(base) ?? 0) + 1));
    }
  return new Map(
    [...counts].map(([place, at]) => [place, [...at].sort((a, b) => b[1] - a[1])[0]![0]] as const),
  );
}
