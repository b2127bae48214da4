import type { IpAddress } from '../wire/ip-network.ts';
import type { Authorization, RouteMatch, RoutePolicy, ServerPolicy } from './server-policy.ts';

/** What is known of a client. */
export interface Client {
  readonly address: IpAddress;
  /** TLS of the mesh was terminated here. */
  readonly tls: boolean;
  /** Its verified identity; undefined without a client certificate. */
  readonly identity: string | undefined;
}

/** The first authorization that lets the client in, or undefined. */
export function authorize(authorizations: readonly Authorization[], client: Client): Authorization | undefined {
  return authorizations.find(
    (authorization) => fromNetwork(authorization, client) && authenticated(authorization, client),
  );
}

function fromNetwork({ networks }: Authorization, { address }: Client): boolean {
  return networks.some(
    ({ network, except }) => network.contains(address) && !except.some((hole) => hole.contains(address)),
  );
}

function authenticated({ authentication }: Authorization, { tls, identity }: Client): boolean {
  if (authentication.kind === 'unauthenticated') return true;
  if (authentication.kind === 'tls') return tls;
  if (identity === undefined) return false;
  return authentication.names.has(identity) || authentication.suffixes.some((suffix) => identity.endsWith(suffix));
}

/**
 * The route that fits a request best: an exact path before the longest prefix before a pattern, then one that names the
 * method, then the earlier one (Gateway API, HTTPRouteRule). Undefined when none fits.
 */
export function matchRoute(policy: ServerPolicy, method: string, path: string): RoutePolicy | undefined {
  const query = path.indexOf('?');
  const plain = query < 0 ? path : path.slice(0, query);
  let best: RoutePolicy | undefined;
  let bestRank = -1;
  for (const route of policy.routes) {
    for (const match of route.matches) {
      const rank = rankOf(match, method, plain);
      if (rank > bestRank) {
        best = route;
        bestRank = rank;
      }
    }
  }
  return best;
}

/** -1 when the match does not fit. */
function rankOf(match: RouteMatch, method: string, path: string): number {
  if (match.method !== undefined && match.method !== method) return -1;
  const byMethod = match.method === undefined ? 0 : 1;
  const { path: pattern } = match;
  if (pattern === undefined) return byMethod;
  if (pattern.kind === 'exact') return path === pattern.value ? 1_000_000 + byMethod : -1;
  if (pattern.kind === 'regex') return pattern.value.test(path) ? 2 + byMethod : -1;
  const prefix = pattern.value.replace(/\/$/, '');
  const fits = path === prefix || path.startsWith(`${prefix}/`);
  return fits ? 4 + 2 * prefix.length + byMethod : -1;
}
