import { SluiceError } from 'sluice';
import type { VcfHeader } from './readHeader';
import type { Trio } from './variantQueries';

/** @throws SluiceError BadData that says which samples there are */
export function requireSamples({ samples }: VcfHeader, { child, father, mother }: Trio, uri: string): void {
  const missing = [child, father, mother].filter((sample) => !samples.includes(sample));
  if (missing.length === 0) return;
  const shown = samples.slice(0, 10).join(', ') || 'none';
  throw new SluiceError(
    'BadData',
    `${uri}: has no sample ${missing.join(', ')}; give child, father and mother of its ${samples.length} samples: ${shown}${samples.length > 10 ? ', …' : ''}`,
  );
}
