import type { Measurement } from './measurements.ts';

/**
 * How labels are told: as DogStatsD's tags (`name:1|c|#a:b`), as Librato's (`name#a=b:1|c`), or not at all but for those
 * that stand in the name.
 */
export type TagFormat = 'dogstatsd' | 'librato' | 'none';
export const tagFormats = ['dogstatsd', 'librato', 'none'] as const;

/** Without tags, what would be added up but means something else: these labels are words of the name, in this order. */
const inNames = ['direction', 'classification', 'error'];
/** Of one tag's value, in characters. */
const mostOfATag = 200;

/**
 * Writes measurements as lines of statsd. Names of series are worked out once: there are as many as the registry has.
 */
export class Lines {
  private readonly prefix: string;
  private readonly tags: TagFormat;
  private readonly heads = new Map<string, { readonly head: string; readonly tail: string }>();

  /** `prefix` stands before all names, such as `tulle.`. */
  constructor(prefix: string, tags: TagFormat) {
    this.prefix = prefix;
    this.tags = tags;
  }

  /** A line without its end; two where a gauge is below 0, since a sign alone would be a difference. */
  of({ name, labels, kind, value, count }: Measurement): string {
    const { head, tail } = this.around(name, labels);
    const shown = kind === 'h' && this.tags !== 'dogstatsd' ? 'ms' : kind;
    const rate = count > 1 ? `|@${shownNumber(1 / count)}` : '';
    const line = `${head}:${shownNumber(value)}|${shown}${rate}${tail}`;
    return kind === 'g' && value < 0 ? `${head}:0|g${tail}\n${line}` : line;
  }

  private around(name: string, labels: string): { readonly head: string; readonly tail: string } {
    const key = `${name}{${labels}`;
    let around = this.heads.get(key);
    if (around === undefined) {
      // Series come and go for years: what is worked out for them does not stay for ever.
      if (this.heads.size >= 20_000) this.heads.clear();
      around = this.make(name, labels);
      this.heads.set(key, around);
    }
    return around;
  }

  private make(name: string, labels: string): { readonly head: string; readonly tail: string } {
    const pairs = pairsOf(labels);
    const shown = this.prefix + name;
    if (this.tags === 'none') {
      const words = inNames.flatMap((label) => pairs.filter(([own]) => own === label).map(([, value]) => value));
      return { head: [shown, ...words.map((word) => word.replaceAll('.', '_'))].join('.'), tail: '' };
    }
    const dog = this.tags === 'dogstatsd';
    const tags = pairs.map(([label, value]) => `${label}${dog ? ':' : '='}${value}`).join(',');
    if (tags === '') return { head: shown, tail: '' };
    return dog ? { head: shown, tail: `|#${tags}` } : { head: `${shown}#${tags}`, tail: '' };
  }
}

/** Without what ends a tag, a value, a line or a packet in any of the dialects. */
const harmless = (value: string): string =>
  value
    .slice(0, mostOfATag)
    .replace(/\\(.)/g, '$1')
    .replace(/[^\w./-]/g, '_');

/** Never in the form 1e-7, which servers do not read. */
const shownNumber = (value: number): string => String(Number.isInteger(value) ? value : Number(value.toFixed(6)));

/** Of `a="1",b="2"`, whose values have a backslash before each quote and backslash of their own. */
function pairsOf(labels: string): (readonly [label: string, value: string])[] {
  const pairs: (readonly [string, string])[] = [];
  for (let at = 0; at < labels.length; ) {
    const equals = labels.indexOf('="', at);
    if (equals < 0) break;
    let end = equals + 2;
    while (end < labels.length && labels[end] !== '"') end += labels[end] === '\\' ? 2 : 1;
    pairs.push([labels.slice(at, equals), harmless(labels.slice(equals + 2, end))]);
    at = end + 2;
  }
  return pairs;
}
