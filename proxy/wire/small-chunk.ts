/**
 * Body bytes as they are handed on. A view of what a socket brought costs an allocation that outlives its request by a
 * garbage collection; most bodies are small, and small ones are copied into one buffer for all instead.
 */

/** Chunks up to this length lie in the shared buffer. */
export const smallChunkBytes = 1024;

const shared = new Uint8Array(smallChunkBytes);
const views: Uint8Array[] = [];
const copy = Buffer.prototype.copy;

/**
 * `bytes[start, end)` for a handler that must take what it needs before it returns: the next chunk of any connection
 * may lie in the same place.
 */
export function chunkOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const length = end - start;
  if (length > smallChunkBytes) return bytes.subarray(start, end);
  copy.call(bytes, shared, 0, start, end);
  views[length] ??= shared.subarray(0, length);
  return views[length];
}
