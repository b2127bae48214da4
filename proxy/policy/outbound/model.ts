import type { RouteTable } from '../../route/route-table.ts';
import type { PolicyLabels } from '../labels.ts';

/** What a target is said to speak; `detect` when its first bytes are to tell. */
export type DeclaredProtocol = 'detect' | 'http1' | 'http2' | 'opaque';

/** What is done with the requests of a route. */
export interface OutboundRoute {
  readonly labels: PolicyLabels;
}

/** How what this workload sends to one target is treated. */
export interface OutboundPolicy {
  readonly protocol: DeclaredProtocol;
  /** The object that the policy was found for. */
  readonly labels: PolicyLabels;
  /** By the version that a request comes in: where the protocol is declared, both are the same. */
  readonly http1: RouteTable<OutboundRoute>;
  readonly http2: RouteTable<OutboundRoute>;
}
