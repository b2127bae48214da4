/**
 * A slot for `text` in a direct-mapped table of `slotCount`, a power of two. By 32 of its characters: two texts in one slot are
 * no harm, since the last one has it.
 */
export function slotOf(text: string, slotCount: number): number {
  const { length } = text;
  const step = (length >> 5) + 1;
  let hash = length;
  for (let i = length - 1; i >= 0; i -= step) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash ^ (hash >>> 15)) & (slotCount - 1);
}
