import type { TraceId } from './trace/ids.ts';

/** A value that a bucket has counted, and the trace that tells of it. */
export interface Exemplar {
  readonly traceId: TraceId;
  readonly value: number;
  /** When it was counted, by the wall's clock. */
  readonly wallMs: number;
}

/** Stands before an exemplar: no label's value has it, for quotes are escaped there. */
export const exemplarMark = ' # {trace_id="';

/** As it is written behind the sample of its bucket. */
export const exemplarText = ({ traceId, value, wallMs }: Exemplar): string =>
  `${exemplarMark}${traceId}"} ${value} ${(wallMs / 1000).toFixed(3)}`;
