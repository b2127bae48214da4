import { z } from 'zod';
import {
  checkAuthorizationPolicy,
  checkMeshTlsAuthentication,
  checkNetworkAuthentication,
  checkServerAuthorization,
} from './authorization.ts';
import { Problems } from './problems.ts';
import { gatewayGroup, policyGroup } from './references.ts';
import { checkGatewayHttpRoute, checkGrpcRoute, checkPolicyHttpRoute, checkTcpRoute } from './routes.ts';
import { checkEgressNetwork, checkRateLimit, checkServer } from './server.ts';
import { checkServiceProfile } from './service-profile.ts';

const objectShape = z.object({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.object({
    // A name that the server is to generate is not there yet.
    name: z.string().optional(),
    namespace: z.string().optional(),
    annotations: z.record(z.string(), z.string()).nullish(),
  }),
  spec: z.unknown(),
});
type ObjectShape = z.output<typeof objectShape>;

type Check = (object: ObjectShape, problems: Problems) => void;

const checks: Readonly<Record<string, Check>> = {
  'linkerd.io/ServiceProfile': ({ metadata, spec }, problems) =>
    checkServiceProfile(metadata.name ?? '', spec, problems),
  [`${policyGroup}/Server`]: ({ spec }, problems) => checkServer(spec, problems),
  [`${policyGroup}/ServerAuthorization`]: ({ spec }, problems) => checkServerAuthorization(spec, problems),
  [`${policyGroup}/AuthorizationPolicy`]: ({ metadata, spec }, problems) =>
    checkAuthorizationPolicy(spec, metadata.namespace ?? 'default', problems),
  [`${policyGroup}/MeshTLSAuthentication`]: ({ spec }, problems) => checkMeshTlsAuthentication(spec, problems),
  [`${policyGroup}/NetworkAuthentication`]: ({ spec }, problems) => checkNetworkAuthentication(spec, problems),
  [`${policyGroup}/HTTPLocalRateLimitPolicy`]: ({ spec }, problems) => checkRateLimit(spec, problems),
  [`${policyGroup}/EgressNetwork`]: ({ spec }, problems) => checkEgressNetwork(spec, problems),
  [`${policyGroup}/HTTPRoute`]: ({ metadata, spec }, problems) =>
    checkPolicyHttpRoute(spec, metadata.annotations ?? {}, problems),
  [`${gatewayGroup}/HTTPRoute`]: ({ metadata, spec }, problems) =>
    checkGatewayHttpRoute(spec, metadata.annotations ?? {}, problems),
  [`${gatewayGroup}/GRPCRoute`]: ({ metadata, spec }, problems) =>
    checkGrpcRoute(spec, metadata.annotations ?? {}, problems),
  [`${gatewayGroup}/TLSRoute`]: ({ spec }, problems) => checkTcpRoute(spec, problems),
  [`${gatewayGroup}/TCPRoute`]: ({ spec }, problems) => checkTcpRoute(spec, problems),
};

/**
 * What is wrong with an object of policy, a route or a ServiceProfile, a line for each problem that begins with the
 * path of its field; none for an object that is admitted, and for every kind that has no rules here. The rules are those
 * of Linkerd's webhooks (linkerd2 policy-controller/runtime/src/admission.rs, pkg/profiles). `namespace` is that of the
 * request, for objects that do not say theirs.
 */
export function validateObject(object: unknown, namespace?: string): readonly string[] {
  const problems = new Problems();
  const parsed = problems.parse(objectShape, object, 'object');
  if (parsed === undefined) return problems.list;
  const group = parsed.apiVersion.includes('/') ? parsed.apiVersion.slice(0, parsed.apiVersion.indexOf('/')) : '';
  const check = checks[`${group}/${parsed.kind}`];
  if (check === undefined) return [];
  check({ ...parsed, metadata: { namespace, ...parsed.metadata } }, problems);
  return problems.list;
}
