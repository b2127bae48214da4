export interface CoreLimits {
  /** `CORES`: at most so many. */
  readonly max: number | undefined;
  /** `CORES_MIN`: at least so many. Default 1. */
  readonly min: number;
  /** `CORES_MAX_RATIO`: at most this share of the host's cores, in (0, 1]. */
  readonly maxRatio: number | undefined;
}

/**
 * How many workers a proxy runs. One unless more are allowed; a ratio counts the host's cores, rounded to whole ones;
 * never more than the host has (linkerd2-proxy/src/main.rs and rt.rs).
 */
export function workerCount({ max, min, maxRatio }: CoreLimits, hostCores: number): number {
  const allowed = max ?? (maxRatio === undefined ? 1 : Math.round(hostCores * maxRatio));
  return Math.max(1, Math.min(hostCores, Math.max(min, allowed)));
}
