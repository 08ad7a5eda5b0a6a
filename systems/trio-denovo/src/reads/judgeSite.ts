/** What the reads say of a de novo variant. */
export type Verdict = 'confirmed' | 'not seen' | 'too few reads';

/** What is counted of a sample at a site. */
export interface SampleCount {
  sample: string;
  depth: number;
  /** How many of them have the ALT. */
  alternative: number;
}

/** A variant of one of two chromosomes is expected in half of the child's reads; a fifth is far below what chance does to it. */
export const MIN_CHILD_SHARE = 0.2;
export const MIN_CHILD_READS = 3;
/** A misread base now and then is no variant. */
export const MAX_PARENT_SHARE = 0.05;

/**
 * The rule, in this order:
 * - `too few reads`: child or a parent has less than `minReads` at the site;
 * - `not seen`: less than 3 of the child's reads, or less than a fifth of them, have the ALT; or more than a twentieth of a
 *   parent's have it, so that the child may have it from there;
 * - `confirmed`: all else.
 */
export function judgeSite(
  child: SampleCount,
  parents: readonly SampleCount[],
  minReads: number,
): { verdict: Verdict; reason: string } {
  const seen = ({ sample, alternative, depth }: SampleCount) =>
    `${sample} has it in ${alternative} of ${depth} reads`;
  const poor = [child, ...parents].filter(({ depth }) => depth < minReads);
  if (poor.length > 0) {
    const counts = poor.map(({ sample, depth }) => `${sample} has ${depth}`);
    return {
      verdict: 'too few reads',
      reason: `${counts.join(', ')}; ${minReads} are needed of each sample`,
    };
  }
  const isSeen = child.alternative >= MIN_CHILD_READS && child.alternative >= MIN_CHILD_SHARE * child.depth;
  if (!isSeen) return { verdict: 'not seen', reason: seen(child) };
  const inherited = parents.filter(({ alternative, depth }) => alternative > MAX_PARENT_SHARE * depth);
  if (inherited.length > 0)
    return { verdict: 'not seen', reason: `inherited: ${inherited.map(seen).join(', ')}` };
  return { verdict: 'confirmed', reason: [child, ...parents].map(seen).join(', ') };
}
