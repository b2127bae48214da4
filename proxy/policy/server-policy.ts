import type { IpNetwork } from '../wire/ip-network.ts';

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
}

/** What metrics call a server, route or authorization. */
export interface PolicyLabels {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
}

/** A match of path and method; what is undefined matches everything. */
export interface RouteMatch {
  readonly path:
    | { readonly kind: 'exact' | 'prefix'; readonly value: string }
    | { readonly kind: 'regex'; readonly value: RegExp }
    | undefined;
  readonly method: string | undefined;
}

export interface RoutePolicy {
  readonly labels: PolicyLabels;
  readonly matches: readonly RouteMatch[];
  /** In addition to those of the server. */
  readonly authorizations: readonly Authorization[];
}

/** What is accepted on one port. */
export interface ServerPolicy {
  readonly protocol: ServerProtocol;
  readonly detectTimeoutMs: number;
  readonly labels: PolicyLabels;
  readonly authorizations: readonly Authorization[];
  readonly routes: readonly RoutePolicy[];
}
