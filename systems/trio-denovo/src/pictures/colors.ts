import type { TopLevelSpec } from 'vega-lite';

/** The three of a trio, the child first; told apart by the colour-blind as well. */
export const SAMPLE_COLORS = ['#d55e00', '#0072b2', '#009e73'];
/** Of bases, as genome browsers have them; a deleted one is grey. */
export const BASE_COLORS: Record<string, string> = {
  A: '#2b9348',
  C: '#1d4ed8',
  G: '#b45309',
  T: '#dc2626',
  N: '#6b7280',
  '-': '#9ca3af',
};

/** Vega is loaded by the first picture: no other job pays for it. */
export async function toSvg(spec: TopLevelSpec): Promise<string> {
  const [vega, { compile }] = await Promise.all([import('vega'), import('vega-lite')]);
  const view = new vega.View(vega.parse(compile(spec).spec), { renderer: 'none' });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}
