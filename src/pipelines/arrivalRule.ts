/**
 * What counts as an arrival; the one rule for webhook, listings, triggers, waits and completeness. No arrival is
 * - a key that ends in `/`: a folder's marker;
 * - a key with a part that begins with `.` or `_`, or ends in `_$folder$`: what tools write beside their data
 *   (`_temporary/`, `_SUCCESS`, `.hidden`, `day_$folder$`), unless the pattern names that part in full;
 * - an object without content, unless somebody asks for it: some tools create it first and fill it later.
 */
export function isArrivalKey(key: string, patternKey: string): boolean {
  if (key.endsWith('/')) return false;
  const hidden = key.split('/').filter(isHiddenPart);
  if (hidden.length === 0) return true;
  const named = new Set(patternKey.split('/'));
  return hidden.every((part) => named.has(part));
}

/** Whether an object has content, as far as is known. */
export function hasContent({ size }: { size: number | null }): boolean {
  return size !== 0;
}

function isHiddenPart(part: string): boolean {
  return part.startsWith('.') || part.startsWith('_') || part.endsWith('_$folder$');
}
