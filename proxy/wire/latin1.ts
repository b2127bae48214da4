/** Bytes as a latin-1 string; HTTP field values are bytes, and latin-1 keeps each of them (RFC 9110 section 5.5). */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.prototype.latin1Slice.call(bytes, start, end);
}

/** Writes a latin-1 string at `offset`; `target` must have room. Returns the offset behind it. */
export function writeLatin1(target: Uint8Array, offset: number, text: string): number {
  const length = text.length;
  // A call into the runtime pays off only for long strings.
  if (length > 48) return offset + Buffer.prototype.latin1Write.call(target, text, offset, length);
  for (let i = 0; i < length; i++) target[offset + i] = text.charCodeAt(i);
  return offset + length;
}
