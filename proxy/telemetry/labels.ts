/** Labels of a metric, in the order in which they are shown. */
export type Labels = Readonly<Record<string, string>>;

/** `a="1",b="2"`, escaped as the Prometheus text format asks; made once for each label set. */
export function formatLabels(labels: Labels): string {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(labels)) parts.push(`${name}="${escapeLabel(value)}"`);
  return parts.join(',');
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
