import {
  authorizationPolicy,
  egressNetwork,
  httpLocalRateLimitPolicy,
  meshTlsAuthentication,
  networkAuthentication,
} from './authorization.ts';
import type { Crd } from './definition.ts';
import { httpRoute } from './http-route.ts';
import { server, serverAuthorization } from './server.ts';
import { serviceProfile } from './service-profile.ts';

export { type Crd, crdManifest } from './definition.ts';

/** Every kind that the mesh brings along, in the order in which they are installed. */
export const crds: readonly Crd[] = [
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
