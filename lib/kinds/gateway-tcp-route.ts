import type { ReadKind } from './definition.ts';
import { type BytesRoute, bytesRouteShape } from './route-object.ts';

/** Connections by port, of the Gateway API. */
export const gatewayTcpRoute: ReadKind<BytesRoute> = {
  group: 'gateway.networking.k8s.io',
  kind: 'TCPRoute',
  plural: 'tcproutes',
  scope: 'Namespaced',
  writesStatus: true,
  versions: [],
  shape: bytesRouteShape,
  reads: { versions: ['v1', 'v1alpha2'], keep: { spec: 'any', status: 'any' } },
};
