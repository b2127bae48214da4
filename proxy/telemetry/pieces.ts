/** Some 150 lines of metrics: well below a millisecond's work. */
const pieceLength = 32 * 1024;

/** Joins lines to pieces of about 32 kB, each made when it is asked for. */
export function* inPieces(lines: Iterable<string>): Generator<string, void> {
  let parts: string[] = [];
  let length = 0;
  for (const line of lines) {
    parts.push(line);
    length += line.length;
    if (length < pieceLength) continue;
    yield parts.join('');
    parts = [];
    length = 0;
  }
  if (length > 0) yield parts.join('');
}
