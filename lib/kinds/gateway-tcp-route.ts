import type { UnreadKind } from './definition.ts';
import { type BytesRoute, bytesRouteShape } from './route-object.ts';

/** Connections by port, of the Gateway API. */
export const gatewayTcpRoute: UnreadKind<BytesRoute> = {
  group: 'gateway.networking.k8s.io',
  kind: 'TCPRoute',
  plural: 'tcproutes',
  scope: 'Namespaced',
  versions: [],
  shape: bytesRouteShape,
};
