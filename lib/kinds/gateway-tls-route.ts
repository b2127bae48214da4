import type { ReadKind } from './definition.ts';
import { type BytesRoute, bytesRouteShape } from './route-object.ts';

/** Connections by the name that their TLS asks for, of the Gateway API. */
export const gatewayTlsRoute: ReadKind<BytesRoute> = {
  group: 'gateway.networking.k8s.io',
  kind: 'TLSRoute',
  plural: 'tlsroutes',
  scope: 'Namespaced',
  writesStatus: true,
  versions: [],
  shape: bytesRouteShape,
  reads: { versions: ['v1', 'v1alpha3', 'v1alpha2'], keep: { spec: 'any', status: 'any' } },
};
