import type { ReadKind } from './definition.ts';
import { type GrpcRoute, gatewayRouteShape, namedMatches } from './route-object.ts';
import { object, oneOf, text } from './schema.ts';

const match = object({
  method: object({ type: oneOf('Exact', 'RegularExpression'), service: text(), method: text() }),
  headers: namedMatches,
});

/** Calls by service and method, of the Gateway API. */
export const gatewayGrpcRoute: ReadKind<GrpcRoute> = {
  group: 'gateway.networking.k8s.io',
  kind: 'GRPCRoute',
  plural: 'grpcroutes',
  scope: 'Namespaced',
  isPolicyTarget: true,
  writesStatus: true,
  versions: [],
  shape: gatewayRouteShape(match),
  reads: { versions: ['v1', 'v1alpha2'], keep: { spec: 'any', status: 'any' } },
};
