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
