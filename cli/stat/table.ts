/** Columns as wide as their longest cell, three spaces between; the first to the left, the others to the right. */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[], left = 1): string {
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column].length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column < left ? cell.padEnd(widths[column]) : cell.padStart(widths[column])))
      .join('   ')
      .trimEnd();
  return `${[header, ...rows].map(line).join('\n')}\n`;
}
