import type { ClientInfo } from '../proxy/model/client-info.ts';
import type { Authorization } from '../proxy/policy/inbound/server-policy.ts';

/** So many identities of one authorization are named. */
const mostNamed = 5;

/** Why an authorization does not let a client in. */
export function describeAuthorization({ networks, authentication }: Authorization, client: ClientInfo): string {
  const { address } = client;
  const isNear = networks.some(
    ({ network, except }) =>
      address !== undefined && network.contains(address) && !except.some((hole) => hole.contains(address)),
  );
  if (!isNear) return `is for clients from ${networks.map(({ network }) => String(network)).join(', ') || 'nowhere'}`;
  if (authentication.kind === 'tls') return 'is for clients that come by the mesh';
  if (authentication.kind === 'unauthenticated') return 'is for everybody';
  const whom = [...authentication.names, ...authentication.suffixes.map((suffix) => `*${suffix}`)];
  const named = whom.slice(0, mostNamed).join(', ') + (whom.length > mostNamed ? ' and others' : '');
  const asWhom = client.identity === undefined ? 'has proved no identity' : `is ${client.identity}`;
  return `is for ${named || 'nobody'}, and the client ${asWhom}`;
}
