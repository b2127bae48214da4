import type { KindSpec } from './definition.ts';
import { bytesRouteShape } from './route-object.ts';

/** Connections by the name that their TLS asks for, of the Gateway API. */
export const gatewayTlsRoute: KindSpec = {
  group: 'gateway.networking.k8s.io',
  kind: 'TLSRoute',
  plural: 'tlsroutes',
  scope: 'Namespaced',
  versions: [],
  shape: bytesRouteShape,
};
