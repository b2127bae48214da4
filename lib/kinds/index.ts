import { authorizationPolicy } from './authorization-policy.ts';
import type { KindSpec } from './definition.ts';
import { egressNetwork } from './egress-network.ts';
import { httpLocalRateLimitPolicy } from './http-local-rate-limit-policy.ts';
import { httpRoute } from './http-route.ts';
import { meshTlsAuthentication } from './mesh-tls-authentication.ts';
import { networkAuthentication } from './network-authentication.ts';
import { server } from './server.ts';
import { serverAuthorization } from './server-authorization.ts';
import { serviceProfile } from './service-profile.ts';

export { crdManifest, type KindSpec } from './definition.ts';

/** Every kind that the mesh brings along, in the order in which they are installed. */
export const kinds: readonly KindSpec[] = [
  server,
  serverAuthorization,
  authorizationPolicy,
  meshTlsAuthentication,
  networkAuthentication,
  httpRoute,
  egressNetwork,
  httpLocalRateLimitPolicy,
  serviceProfile,
];

export const kindGroups: readonly string[] = [...new Set(kinds.map(({ group }) => group))];

/** Resources of a group in alphabetical order: those that `is` picks, or all. */
export const resourcesOf = (group: string, is: (kind: KindSpec) => boolean = () => true): string[] =>
  kinds
    .filter((kind) => kind.group === group && is(kind))
    .map(({ plural }) => plural)
    .sort();
