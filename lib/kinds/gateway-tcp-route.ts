import type { KindSpec } from './definition.ts';
import { bytesRouteShape } from './route-object.ts';

/** Connections by port, of the Gateway API. */
export const gatewayTcpRoute: KindSpec = {
  group: 'gateway.networking.k8s.io',
  kind: 'TCPRoute',
  plural: 'tcproutes',
  scope: 'Namespaced',
  versions: [],
  shape: bytesRouteShape,
};
