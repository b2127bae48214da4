import type { UnreadKind } from './definition.ts';
import { type BytesRoute, bytesRouteShape } from './route-object.ts';

/** Connections by the name that their TLS asks for, of the Gateway API. */
export const gatewayTlsRoute: UnreadKind<BytesRoute> = {
  group: 'gateway.networking.k8s.io',
  kind: 'TLSRoute',
  plural: 'tlsroutes',
  scope: 'Namespaced',
  versions: [],
  shape: bytesRouteShape,
};
