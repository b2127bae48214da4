import type { ClientInfo } from '../proxy/model/client-info.ts';
import type { Authorization } from '../proxy/policy/inbound/server-policy.ts';

/** So many identities or networks of one authorization are named. */
const mostNamed = 5;

/** Why an authorization does not let a client in. */
export function describeAuthorization({ networks, authentication }: Authorization, client: ClientInfo): string {
  const { address } = client;
  const isNear = networks.some(
    ({ network, except }) =>
      address !== undefined && network.contains(address) && !except.some((hole) => hole.contains(address)),
  );
  if (!isNear) return `is for clients from ${listed(networks.map(({ network }) => String(network))) || 'nowhere'}`;
  if (authentication.kind === 'tls') return 'is for clients that come by the mesh';
  if (authentication.kind === 'unauthenticated') return 'is for everybody';
  const asWhom = client.identity === undefined ? 'has proved no identity' : `is ${client.identity}`;
  return `is for ${identitiesOf(authentication)}, and the client ${asWhom}`;
}

/** Whom an authorization lets in: `everybody`, `*.shop.serviceaccount.identity… from 10.0.0.0/8`. */
export function clientsOf({ networks, authentication }: Authorization): string {
  const whom = { unauthenticated: 'everybody', tls: 'everybody by TLS of the mesh', identities: undefined };
  const from = networks.map(({ network, except }) =>
    [String(network), ...except.map((hole) => `without ${String(hole)}`)].join(' '),
  );
  const everywhere = everyAddress.every((all) => from.includes(all));
  const who = authentication.kind === 'identities' ? identitiesOf(authentication) : whom[authentication.kind];
  return everywhere ? who : `${who} from ${listed(from) || 'nowhere'}`;
}

/** Networks that together hold every address. */
export const everyAddress: readonly string[] = ['0.0.0.0/0', '::/0'];

const identitiesOf = ({ names, suffixes }: Extract<Authorization['authentication'], { kind: 'identities' }>): string =>
  listed([...names, ...suffixes.map((suffix) => `*${suffix}`)]) || 'nobody';

const listed = (all: readonly string[]): string =>
  all.slice(0, mostNamed).join(', ') + (all.length > mostNamed ? ' and others' : '');
