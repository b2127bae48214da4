/**
 * Columns as wide as their longest cell, three spaces between; the first to the left, the others to the right. Cells may
 * be what others said.
 */
export function formatTable(header: readonly string[], cells: readonly (readonly string[])[], left = 1): string {
  const rows = cells.map((row) => row.map(printable));
  const widths = header.map((title, column) =>
    rows.reduce((width, row) => Math.max(width, row[column].length), title.length),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column < left ? cell.padEnd(widths[column]) : cell.padStart(widths[column])))
      .join('   ')
      .trimEnd();
  return `${[header, ...rows].map(line).join('\n')}\n`;
}

/** What others said, without what would move a terminal's cursor or change its colours. */
export const printable = (text: string): string => text.replace(/\p{Cc}/gu, '\u{fffd}');
