import type { MessageInitShape } from '@bufbuild/protobuf';
import type { OpaqueRouteSchema, TlsRouteSchema } from '../../../api/gen/outbound_pb.js';
import type { IndexedRoute } from '../index/route-index.ts';
import type { Rule } from '../routes/route-rules.ts';
import { routeBackend } from './backends.ts';
import { type RouteContext, routeMetadata } from './routes.ts';

export type TlsRouteInit = MessageInitShape<typeof TlsRouteSchema>;
type OpaqueRouteInit = MessageInitShape<typeof OpaqueRouteSchema>;

/** Undefined for a route of another protocol. */
export function tlsRoute(route: IndexedRoute, context: RouteContext): TlsRouteInit | undefined {
  const { rules } = route;
  if (rules?.protocol !== 'tls') return undefined;
  return {
    metadata: routeMetadata(route),
    snis: [...rules.snis],
    rules: rules.rules.map((rule) => ({ backends: { kind: distribution(rule, route, context) } })),
  };
}

/** Undefined for a route of another protocol. */
export function opaqueRoute(route: IndexedRoute, context: RouteContext): OpaqueRouteInit | undefined {
  const { rules } = route;
  if (rules?.protocol !== 'tcp') return undefined;
  return {
    metadata: routeMetadata(route),
    rules: rules.rules.map((rule) => ({ backends: { kind: distribution(rule, route, context) } })),
  };
}

/** By weight over the backends of a rule, else all to the parent. A connection to a missing one fails with the message. */
function distribution(
  { backendRefs }: Pick<Rule<unknown>, 'backendRefs'>,
  route: IndexedRoute,
  { parent, lookup }: RouteContext,
) {
  if (backendRefs.length === 0) {
    return { case: 'firstAvailable' as const, value: { backends: [{ backend: parent }] } };
  }
  const backends = backendRefs.map((ref) => {
    const { weight, backend, failure } = routeBackend(ref, route, lookup);
    const filters = failure === undefined ? [] : [{ kind: { case: 'invalid' as const, value: { message: failure } } }];
    return { weight, backend: { backend, filters } };
  });
  return { case: 'randomAvailable' as const, value: { backends } };
}
