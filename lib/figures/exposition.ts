/** One sample of the Prometheus text format. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const sampleLine = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?$/;
/** Sticky, so that no text makes it look for a pair from each of its characters on. */
const labelPair = /\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,\s*|$)/y;

/** Reads the Prometheus text exposition format 0.0.4; lines that are no samples are passed over. */
export function parseExposition(text: string): Sample[] {
  const samples: Sample[] = [];
  for (const line of text.split('\n')) {
    const sample = parseSample(line);
    if (sample !== undefined) samples.push(sample);
  }
  return samples;
}

/** Reads one line, without its end; undefined when it is no sample: a comment, or nothing that the format has. */
export function parseSample(line: string): Sample | undefined {
  if (line === '' || line.startsWith('#')) return undefined;
  const match = sampleLine.exec(line);
  if (match === null) return undefined;
  const labels = parseLabels(match[2] ?? '');
  if (labels === undefined) return undefined;
  return { name: match[1], labels, value: Number(match[3].replace('Inf', 'Infinity')) };
}

function parseLabels(text: string): Record<string, string> | undefined {
  const labels: Record<string, string> = {};
  labelPair.lastIndex = 0;
  while (labelPair.lastIndex < text.length) {
    const pair = labelPair.exec(text);
    if (pair === null) return undefined;
    labels[pair[1]] = unescapeValue(pair[2]);
  }
  return labels;
}

/** A label as it stands in a line. */
export const labelText = (name: string, value: string): string =>
  `${name}="${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;

const unescapeValue = (text: string): string =>
  text.includes('\\') ? text.replace(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped)) : text;
