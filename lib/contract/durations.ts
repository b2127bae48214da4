import { type Form, longest } from './form.ts';

const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  // The micro sign and the Greek letter, both of which Go takes.
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const part = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h|d)/y;

/** The sum of `1h30m`, in milliseconds; undefined when the text is anything else. */
function sumMs(text: string): number | undefined {
  if (text === '' || text.length > longest.number) return undefined;
  let ms = 0;
  part.lastIndex = 0;
  while (part.lastIndex < text.length) {
    const found = part.exec(text);
    if (found === null) return undefined;
    ms += Number(found[1]) * unitMs[found[2]];
  }
  return ms;
}

/** As Go's time.ParseDuration reads it (`300ms`, `-1.5h`, `1m30s`, `0`), in milliseconds. For fields of objects. */
export const goDurationMs: Form<number> = {
  read: (text) => {
    const negative = text.startsWith('-');
    const plain = negative || text.startsWith('+') ? text.slice(1) : text;
    if (plain === '0') return 0;
    const ms = plain.includes('d') ? undefined : sumMs(plain);
    return ms === undefined ? undefined : negative ? -ms : ms;
  },
  expected: 'a duration such as 300ms or 1m30s',
};

/** What people write in settings and flags: no sign, days too, whole milliseconds. */
export const durationMs: Form<number> = {
  read: (text) => {
    if (text.includes('ns') || text.includes('us') || /[µμ]/.test(text)) return undefined;
    const ms = sumMs(text);
    return ms === undefined || !Number.isSafeInteger(Math.round(ms)) ? undefined : Math.round(ms);
  },
  expected: 'a duration such as 500ms, 10s or 1m30s',
};

/** In annotations about traffic: one whole number and one unit, or `0` (linkerd2 policy-controller, parse_duration). */
export const trafficDurationMs: Form<number> = {
  read: (text) => {
    const trimmed = text.trim();
    if (/^0{1,15}$/.test(trimmed)) return 0;
    return /^\d{1,15}[a-z]+$/.test(trimmed) ? durationMs.read(trimmed) : undefined;
  },
  expected: "a number followed by 'ms', 's', 'm', 'h' or 'd'",
};
