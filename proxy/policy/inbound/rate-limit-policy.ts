import type { HttpLocalRateLimit, HttpLocalRateLimit_Limit, ProxyProtocol } from '../../../api/gen/inbound_pb.js';
import type { Limit } from '../../resilience/rate-limit.ts';
import { labelsFromMetadata, type PolicyLabels } from '../labels.ts';

export interface RequestLimit extends Limit {
  /** Requests per second as the policy says them, of which this process has its share. */
  readonly written: number;
}

export interface RateLimitOverride {
  readonly limit: RequestLimit;
  /** Its clients share it, as with Linkerd's proxy: what they are, one name for all of them. */
  readonly clients: string;
}

/** How many requests a port takes (HTTPLocalRateLimitPolicy), from all and from each identity. */
export interface RateLimitPolicy {
  readonly labels: PolicyLabels;
  readonly total: RequestLimit | undefined;
  readonly perIdentity: RequestLimit | undefined;
  /** By identity: what holds for it instead of `perIdentity`. */
  readonly overrides: ReadonlyMap<string, RateLimitOverride>;
}

/** What of the limits this process counts, where the proxy is several: connections are spread over them. */
export function rateLimitFromApi(
  kind: ProxyProtocol['kind'] | undefined,
  processes: number,
): RateLimitPolicy | undefined {
  const limits = limitsOf(kind);
  if (limits === undefined) return undefined;
  // From how many clients requests come is not known. All together are many, so each process has its part, and the
  // application never gets more than is written. One client may well have a single connection, and so a single
  // process, which owes it the whole of its limit.
  const total = limitFromApi(limits.total, processes);
  const perIdentity = limitFromApi(limits.identity, 1);
  const overrides = new Map<string, RateLimitOverride>();
  for (const { limit, clients } of limits.overrides) {
    const read = limitFromApi(limit, 1);
    const names = (clients?.identities ?? []).map(({ name }) => name);
    if (read === undefined) continue;
    const override = { limit: read, clients: [...names].sort().join(' ') };
    for (const name of names) overrides.set(name, override);
  }
  if (total === undefined && perIdentity === undefined && overrides.size === 0) return undefined;
  return { labels: labelsFromMetadata(limits.metadata), total, perIdentity, overrides };
}

function limitsOf(kind: ProxyProtocol['kind'] | undefined): HttpLocalRateLimit | undefined {
  if (kind?.case === 'detect') return kind.value.httpLocalRateLimit;
  if (kind?.case === 'http1' || kind?.case === 'http2' || kind?.case === 'grpc') return kind.value.localRateLimit;
  return undefined;
}

/** As governor has it for Linkerd's proxy: what a second allows may come at once. 0 is no limit. */
function limitFromApi(limit: HttpLocalRateLimit_Limit | undefined, shares: number): RequestLimit | undefined {
  const written = limit?.requestsPerSecond ?? 0;
  if (written === 0) return undefined;
  const perSecond = written / shares;
  return { perSecond, burst: Math.max(1, perSecond), written };
}
