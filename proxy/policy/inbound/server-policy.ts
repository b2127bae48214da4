import type { CheckPolicy } from '../../ext-authz/check-policy.ts';
import type { Filters } from '../../filter/filter.ts';
import type { RouteTable } from '../../route/route-table.ts';
import type { TokenPolicy } from '../../tokens/token-policy.ts';
import type { IpNetwork } from '../../wire/ip-network.ts';
import type { PolicyLabels } from '../labels.ts';
import type { RateLimitPolicy } from './rate-limit-policy.ts';

/** How the connections of a port are read. */
export type ServerProtocol = 'detect' | 'opaque' | 'tls' | 'http1' | 'http2';

/** Whom an authorization lets in, besides where they come from. */
export type Authentication =
  | { readonly kind: 'unauthenticated' }
  /** TLS of the mesh, with or without a client certificate. */
  | { readonly kind: 'tls' }
  /** `suffixes` begin with a dot; an empty one matches every identity. */
  | { readonly kind: 'identities'; readonly names: ReadonlySet<string>; readonly suffixes: readonly string[] };

export interface Authorization {
  readonly networks: readonly { readonly network: IpNetwork; readonly except: readonly IpNetwork[] }[];
  readonly authentication: Authentication;
  readonly labels: PolicyLabels;
  /** It lets in those that nothing else does, and each is told in the log. */
  readonly audit: boolean;
}

export interface RoutePolicy {
  readonly labels: PolicyLabels;
  /** All that may let a request in, those of the server among them, in the order that they are asked. */
  readonly authorizations: readonly Authorization[];
  /** The tokens of end users that its requests bring; undefined where nothing is said of them. */
  readonly tokens: TokenPolicy | undefined;
  /** Who is asked whether its requests may come in, in that order; undefined where nobody is. */
  readonly checks: readonly CheckPolicy[] | undefined;
  /** What is done to the requests that are let in, and to their responses; undefined when nothing is. */
  readonly filters: Filters | undefined;
  /** Of its requests of whose trace nobody has decided, the share of which one begins; undefined: that of the proxy. */
  readonly traceSampleRate: number | undefined;
}

/** What is accepted on one port. */
export interface ServerPolicy {
  readonly protocol: ServerProtocol;
  /** It is said to speak gRPC: its calls are told apart by their gRPC status. */
  readonly isGrpc: boolean;
  readonly detectTimeoutMs: number;
  readonly labels: PolicyLabels;
  /** Of connections that are no HTTP, and of requests without routes. */
  readonly authorizations: readonly Authorization[];
  /** Undefined without routes: the authorizations of the server hold for every request. */
  readonly routes: RouteTable<RoutePolicy> | undefined;
  /** Those of the server, where routes are found by what is told of them: they are checked before a route is looked for. */
  readonly tokensFirst: TokenPolicy | undefined;
  /**
   * Somebody has written routes, which tokens end users bring or who is asked: no request may come beside them. The
   * routes that the control plane makes for probes do not count: they open a path as it stands, and close none.
   */
  readonly written: boolean;
  /** By path: each way in which the application may read a path must be let in. */
  readonly guardsPaths: boolean;
  /** The same of methods. */
  readonly guardsMethods: boolean;
  /** Headers that authorizers write at any route, folded: what clients write there is taken away. Undefined without any. */
  readonly ownHeaders: ReadonlySet<string> | undefined;
  /** How many of the requests that are let in are taken; undefined for all. */
  readonly rateLimit: RateLimitPolicy | undefined;
}

/** Whether policy says that a port speaks HTTP, and nothing else. */
export const isDeclaredHttp = ({ protocol }: ServerPolicy): boolean => protocol === 'http1' || protocol === 'http2';

/**
 * Whether a connection that was taken as opaque bytes under one policy may go on under another: not where that says that
 * only HTTP is spoken, or has routes that the first had not, for nobody would look for them.
 */
export const mayStayOpaque = (was: ServerPolicy, now: ServerPolicy): boolean =>
  !isDeclaredHttp(now) && (was.written || !now.written);
