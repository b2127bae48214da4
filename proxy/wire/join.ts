/** The bytes that were held back, and those that came behind them, in memory of their own. */
export function join(held: Uint8Array, chunk: Uint8Array): Uint8Array {
  const joined = new Uint8Array(held.length + chunk.length);
  joined.set(held);
  joined.set(chunk, held.length);
  return joined;
}
