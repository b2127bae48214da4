import { openMetrics } from '../telemetry/openmetrics.ts';
import { type Field, fieldValue } from '../wire/field.ts';

/** Pieces of the metrics' text, each made when it is asked for. */
export type Pieces = Iterable<string> | AsyncIterable<string>;

/** How a scrape is written. */
export interface ExpositionFormat {
  readonly contentType: string;
  /** Buckets tell the trace of a value that they have counted. */
  readonly withExemplars: boolean;
  /** What is told in Prometheus' text format, in this one. */
  written(pieces: Pieces): Pieces;
}

const plain: ExpositionFormat = {
  contentType: 'text/plain; version=0.0.4; charset=utf-8',
  withExemplars: false,
  written: (pieces) => pieces,
};

const open: ExpositionFormat = {
  contentType: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  withExemplars: true,
  written: openMetrics,
};

/** Of one header: Prometheus names five kinds. */
const mostKinds = 16;

/** OpenMetrics where the client asks for it by name, and for nothing here that it would rather have; else plain text. */
export function formatFor(fields: readonly Field[]): ExpositionFormat {
  const accept = fieldValue(fields, 'accept')?.toLowerCase() ?? '';
  if (!accept.includes('application/openmetrics-text')) return plain;
  let [asOpen, asPlain] = [0, 0];
  for (const kind of accept.split(',', mostKinds)) {
    const [type, ...parameters] = kind.split(';').map((part) => part.trim());
    const value = (name: string): string | undefined =>
      parameters.find((parameter) => parameter.startsWith(`${name}=`))?.slice(name.length + 1);
    const version = value('version')?.replaceAll('"', '');
    const weight = weightOf(value('q'));
    if (type === 'application/openmetrics-text' && (version === undefined || version === '1.0.0')) {
      asOpen = Math.max(asOpen, weight);
    } else if (type === 'text/plain') asPlain = Math.max(asPlain, weight);
  }
  return asOpen > 0 && asOpen >= asPlain ? open : plain;
}

/** RFC 9110 section 12.4.2; what is no weight is none. */
function weightOf(text: string | undefined): number {
  if (text === undefined) return 1;
  return /^[01](\.\d{0,3})?$/.test(text) ? Number(text) : 0;
}
