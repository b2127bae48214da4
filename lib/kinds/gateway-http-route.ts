import type { ReadKind } from './definition.ts';
import { gatewayRouteShape, type HttpRoute, namedMatches } from './route-object.ts';
import { object, oneOf, text } from './schema.ts';

const match = object({
  path: object({ type: oneOf('Exact', 'PathPrefix', 'RegularExpression'), value: text() }),
  headers: namedMatches,
  queryParams: namedMatches,
  method: oneOf('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'),
});

/** The HTTPRoute of the Gateway API, with Servers or Services as parents. */
export const gatewayHttpRoute: ReadKind<HttpRoute> = {
  group: 'gateway.networking.k8s.io',
  kind: 'HTTPRoute',
  plural: 'httproutes',
  scope: 'Namespaced',
  isPolicyTarget: true,
  writesStatus: true,
  versions: [],
  shape: gatewayRouteShape(match),
  reads: { versions: ['v1', 'v1beta1'], keep: { spec: 'any', status: 'any' } },
};
