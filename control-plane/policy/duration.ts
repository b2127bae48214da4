const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Reads a duration as Go and Kubernetes write it: `1h30m`, `1.5s`, `100ms`, `0`. Milliseconds; undefined when it is none. */
export function parseGoDuration(text: string): number | undefined {
  const negative = text.startsWith('-');
  const plain = negative || text.startsWith('+') ? text.slice(1) : text;
  if (plain === '0') return 0;
  if (!/^(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h))+$/.test(plain)) return undefined;
  let ms = 0;
  for (const [, amount, unit] of plain.matchAll(/([\d.]+)(ns|us|µs|ms|s|m|h)/g)) ms += Number(amount) * unitMs[unit];
  return negative ? -ms : ms;
}

/** Reads a duration as annotations write it: `<integer>(ms|s|m|h|d)`, or `0`. Milliseconds; undefined when it is none. */
export function parseAnnotationDuration(text: string): number | undefined {
  const match = /^(\d{1,15})(ms|s|m|h|d|)$/.exec(text.trim());
  if (!match) return undefined;
  if (match[2] === '') return Number(match[1]) === 0 ? 0 : undefined;
  const ms = Number(match[1]) * (match[2] === 'd' ? 86_400_000 : unitMs[match[2]]);
  return Number.isSafeInteger(ms) ? ms : undefined;
}
