import type { ClientInfo } from '../../model/client-info.ts';
import type { Authorization } from './server-policy.ts';

/** The first authorization that lets the client in, or undefined. */
export function authorize(authorizations: readonly Authorization[], client: ClientInfo): Authorization | undefined {
  return authorizations.find(
    (authorization) => fromNetwork(authorization, client) && authenticated(authorization, client),
  );
}

function fromNetwork({ networks }: Authorization, { address }: ClientInfo): boolean {
  if (address === undefined) return false;
  return networks.some(
    ({ network, except }) => network.contains(address) && !except.some((hole) => hole.contains(address)),
  );
}

function authenticated({ authentication }: Authorization, { tls, identity }: ClientInfo): boolean {
  if (authentication.kind === 'unauthenticated') return true;
  if (authentication.kind === 'tls') return tls;
  if (identity === undefined) return false;
  return authentication.names.has(identity) || authentication.suffixes.some((suffix) => endsWith(identity, suffix));
}

/** Suffixes are of DNS-like names: a SPIFFE ID has none, but is an identity all the same. */
function endsWith(identity: string, suffix: string): boolean {
  return suffix === '' || (identity.endsWith(suffix) && !identity.startsWith('spiffe://'));
}

/**
 * The authorizations of a route in the order that they are asked: what is written for the server, then for the route,
 * then what only audits, so that audited clients are those that nothing else lets in.
 */
export function inOrder(server: readonly Authorization[], route: readonly Authorization[]): Authorization[] {
  const all = [...server, ...route];
  return [...all.filter(({ audit }) => !audit), ...all.filter(({ audit }) => audit)];
}
