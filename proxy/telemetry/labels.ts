/** Labels of a metric, in the order in which they are shown. */
export type Labels = Readonly<Record<string, string>>;

/** Of one value, in characters: a host with its port has 259 at the most, and names of Kubernetes 253. */
const maxValueLength = 300;

/** `a="1",b="2"`, escaped as the Prometheus text format asks; made once for each label set. */
export function formatLabels(labels: Labels): string {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(labels)) parts.push(`${name}="${escapeLabel(value)}"`);
  return parts.join(',');
}

function escapeLabel(value: string): string {
  const shown = value.length > maxValueLength ? `${value.slice(0, maxValueLength)}...` : value;
  return shown.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
