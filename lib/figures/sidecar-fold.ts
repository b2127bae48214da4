import { Counters, isCounter } from './counters.ts';
import type { Sample } from './exposition.ts';
import { type ExpositionBounds, ExpositionReader } from './exposition-reader.ts';
import type { Counting, RowNames, Selection } from './selection.ts';
import { seriesKey } from './series-key.ts';
import { Counted } from './traffic.ts';

export interface FoldBounds extends ExpositionBounds {
  /** Series of one sidecar that a query counts. Default 100,000: a thousand dependencies of three endpoints. */
  readonly maxSeries?: number;
  /** Rows that one sidecar has a part in. Default 10,000: names of routes and authorities are what it says they are. */
  readonly maxRows?: number;
}

/** The metrics of one sidecar as its bytes come; what `end` gives holds nothing of the text. */
export interface FoldReader<T> {
  /** Throws an Error that says why the sidecar cannot be counted. */
  push(chunk: Uint8Array): void;
  /** The text is over. Throws like `push`. */
  end(): T;
}

/** What a sidecar counted, by the key of the row. */
export type CountedRows = ReadonlyMap<string, Counted>;

export const rowKey = (names: RowNames): string => JSON.stringify(names);
export const rowNames = (key: string): RowNames => JSON.parse(key) as RowNames;

/** What the counters of a query stand at when its window begins. */
export function foldCounters(selection: Selection, counting: Counting, bounds?: FoldBounds): FoldReader<Counters> {
  const series = new SeriesOnce(bounds?.maxSeries);
  const reader = readerOf(selection, counting, bounds, (_, sample, line) => {
    if (isCounter(sample.name)) series.add(seriesKey(line), sample.value);
  });
  return {
    push: (chunk) => reader.push(chunk),
    end: () => {
      reader.end();
      return new Counters(series.values);
    },
  };
}

/** What has been counted since `before`, summed up by row. */
export function foldIncreases(
  selection: Selection,
  counting: Counting,
  before: Counters,
  bounds?: FoldBounds,
): FoldReader<CountedRows> {
  const rows = new Map<string, Counted>();
  const maxRows = bounds?.maxRows ?? 10_000;
  const series = new SeriesOnce(bounds?.maxSeries);
  const reader = readerOf(selection, counting, bounds, (names, { name, labels, value }, line) => {
    const key = seriesKey(line);
    if (!series.add(key, value)) return;
    const row = rowKey(names);
    if (rows.size >= maxRows && !rows.has(row)) throw new Error(`tells of more than ${maxRows} rows`);
    const counted = rows.get(row) ?? new Counted();
    counted.add(name, labels, isCounter(name) ? before.increase(key, value) : value);
    rows.set(row, counted);
  });
  return {
    push: (chunk) => reader.push(chunk),
    end: () => {
      reader.end();
      return rows;
    },
  };
}

/** Each series counts once, with what it says first: a text that has it twice is not to count it twice. */
class SeriesOnce {
  readonly values = new Map<number, number>();
  private readonly max: number;

  constructor(max = 100_000) {
    this.max = max;
  }

  /** False when it has been there. Throws when there are too many. */
  add(key: number, value: number): boolean {
    if (this.values.has(key)) return false;
    if (this.values.size >= this.max) throw new Error(`tells more than ${this.max} series of what is asked`);
    this.values.set(key, value);
    return true;
  }
}

function readerOf(
  selection: Selection,
  counting: Counting,
  bounds: FoldBounds | undefined,
  onSeries: (row: RowNames, sample: Sample, line: string) => void,
): ExpositionReader {
  const onSample = (sample: Sample, line: string): void => {
    const row = selection.rowOf(sample, counting);
    if (row === undefined) return;
    const fault = faultOf(sample);
    if (fault !== undefined) throw new Error(fault);
    onSeries(row, sample, line);
  };
  return new ExpositionReader(selection, onSample, bounds);
}

/** What no proxy counts would make figures of all others wrong, too. */
function faultOf({ name, labels, value }: Sample): string | undefined {
  if (!(value >= 0 && value <= Number.MAX_SAFE_INTEGER)) return `tells ${name} as ${value}, which is no count`;
  if (name.endsWith('_bucket') && labels.le !== '+Inf' && !(Number(labels.le) >= 0)) {
    return `tells ${name} with le="${labels.le}", which is no bound`;
  }
  return undefined;
}
