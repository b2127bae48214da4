/** Pieces of a scrape, each of whole lines with the HELP and TYPE of a family together. */
type Pieces = Iterable<string> | AsyncIterable<string>;

/** Base units of the families here, by which names end. */
const unitSuffix = /_(seconds|bytes)$/;

const metadata = /^# HELP (\S+) (.*)\n# TYPE \S+ (\S+)$/gm;
/** The bound of a bucket, a whole number. No label's value has it, for quotes are escaped there. */
const wholeBound = /([{,]le="-?\d+)"\}/g;

/**
 * A scrape in the text format of Prometheus as one in that of OpenMetrics 1.0: counters are named without the `_total` of
 * their samples, those that have none are of no known type, bounds of buckets are written with their fraction, units
 * stand beside the names that end in them, and the end is marked.
 */
export async function* openMetrics(pieces: Pieces): AsyncGenerator<string, void> {
  for await (const piece of pieces) yield piece.replace(metadata, metadataOf).replace(wholeBound, '$1.0"}');
  yield '# EOF\n';
}

function metadataOf(_match: string, name: string, help: string, type: string): string {
  const isTotal = name.endsWith('_total');
  const family = type === 'counter' && isTotal ? name.slice(0, -'_total'.length) : name;
  const known = type === 'counter' && !isTotal ? 'unknown' : type;
  const unit = unitSuffix.exec(family)?.[1];
  const told = unit === undefined ? '' : `\n# UNIT ${family} ${unit}`;
  return `# HELP ${family} ${help.replaceAll('"', '\\"')}\n# TYPE ${family} ${known}${told}`;
}
