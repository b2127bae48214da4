/** Bytes as a latin-1 string; HTTP field values are bytes, and latin-1 keeps each of them (RFC 9110 section 5.5). */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.prototype.latin1Slice.call(bytes, start, end);
}

/** From so many bytes on a call into the runtime, of 15 to 20 ns whatever the length, costs less than a loop. */
const loopedBytes = 16;

/** Writes a latin-1 string at `offset`; `target` must have room. Returns the offset behind it. */
export function writeLatin1(target: Uint8Array, offset: number, text: string): number {
  const length = text.length;
  if (length > loopedBytes) return offset + Buffer.prototype.latin1Write.call(target, text, offset, length);
  for (let i = 0; i < length; i++) target[offset + i] = text.charCodeAt(i);
  return offset + length;
}

/** Copies `source[start, end)` to `target`, which must have room, at `offset`. Returns the offset behind it. */
export function copyBytes(source: Uint8Array, start: number, end: number, target: Uint8Array, offset: number): number {
  const length = end - start;
  if (length > loopedBytes) Buffer.prototype.copy.call(source, target, offset, start, end);
  else for (let i = 0; i < length; i++) target[offset + i] = source[start + i];
  return offset + length;
}
