import type { KindSpec, ObjectOf } from '../../../lib/kinds/definition.ts';
import { type KindName, kindNameOf, kinds } from '../../../lib/kinds/index.ts';
import type { KubernetesObject, ObjectMeta } from '../../../lib/kinds/kubernetes-object.ts';
import { Problems } from '../../../lib/kinds/problems.ts';
import type { HttpRoute } from '../../../lib/kinds/route-object.ts';
import { object, type Schema, text } from '../../../lib/kinds/schema.ts';
import { checkStructure, checkValue } from '../../../lib/kinds/structural-check.ts';
import { beyondBounds } from '../../sources/bounds.ts';
import {
  checkAuthorizationPolicy,
  checkMeshTlsAuthentication,
  checkNetworkAuthentication,
  checkServerAuthorization,
} from './authorization.ts';
import { checkExternalAuthorization } from './external-authorization.ts';
import { checkFaultInjection } from './fault-injection.ts';
import { checkRateLimit } from './rate-limit.ts';
import { checkRequestAuthentication } from './request-authentication.ts';
import {
  checkBytesRoute,
  checkGatewayHttpRoute,
  checkGrpcRoute,
  checkPolicyHttpRoute,
  checkTlsRoute,
  isForOthers,
} from './routes.ts';
import { checkEgressNetwork, checkServer } from './server.ts';
import { checkServiceProfile } from './service-profile.ts';

/**
 * The API server bounds annotations, 256 KiB of them in all: `kubectl apply` writes the whole object into one, and others
 * belong to who knows which tool.
 */
const annotations: Schema = { type: 'object', additionalProperties: { type: 'string' } };

/** What every object has. */
const envelope = object({
  'apiVersion*': text(),
  'kind*': text(),
  'metadata*': object({ name: text(), namespace: text(), annotations }),
});

/** What is known of the cluster that an object is for. */
export interface Surroundings {
  /** CIDRs of its pods, Services and nodes. */
  readonly clusterNetworks: readonly string[];
}

type Rules = {
  readonly [Name in KindName]?: (
    object: ObjectOf<(typeof kinds)[Name]>,
    problems: Problems,
    surroundings: Surroundings,
  ) => void;
};

/** What is asked of an object beyond its schema, which has been checked by then. */
const rules: Rules = {
  ServiceProfile: checkServiceProfile,
  Server: checkServer,
  ServerAuthorization: checkServerAuthorization,
  AuthorizationPolicy: checkAuthorizationPolicy,
  MeshTLSAuthentication: checkMeshTlsAuthentication,
  NetworkAuthentication: checkNetworkAuthentication,
  HTTPLocalRateLimitPolicy: checkRateLimit,
  EgressNetwork: checkEgressNetwork,
  RequestAuthentication: checkRequestAuthentication,
  FaultInjection: checkFaultInjection,
  ExternalAuthorization: checkExternalAuthorization,
  PolicyHTTPRoute: checkPolicyHttpRoute,
  HTTPRoute: checkGatewayHttpRoute,
  GRPCRoute: checkGrpcRoute,
  TLSRoute: checkTlsRoute,
  TCPRoute: checkBytesRoute,
};

/**
 * What is wrong with an object of policy, a route or a ServiceProfile, a line for each problem that begins with the
 * path of its field; none for an object that is admitted, and for every kind that is not known here. It is held to its
 * schema, and then to the rules of Linkerd's webhooks (linkerd2 policy-controller/runtime/src/admission.rs,
 * pkg/profiles). `namespace` is that of the request, for objects that do not say theirs; without `surroundings` nothing is
 * asked of an object beyond itself.
 */
export function validateObject(
  object: unknown,
  namespace?: string,
  surroundings: Surroundings = { clusterNetworks: [] },
): readonly string[] {
  const problems = new Problems();
  checkValue(envelope, object, 'object', problems);
  if (problems.list.length > 0) return problems.list;
  const { metadata, ...rest } = object as KubernetesObject;
  const name = kindNameOf(rest.apiVersion, rest.kind);
  if (name === undefined) return [];
  const kind: KindSpec = kinds[name];
  const beyond = beyondBounds((rest as { spec?: unknown }).spec, 'spec');
  if (beyond !== undefined) return [beyond];
  checkStructure(kind, rest, problems);
  // Other controllers own the kinds of others too: a shape that is not known here is theirs, and so are their parents' routes.
  const isForeign = kind.versions.length === 0;
  if (problems.list.length > 0) return isForeign ? [] : problems.list;
  if (isForeign && isForOthers((rest as Partial<HttpRoute>).spec)) return [];
  const rule = rules[name] as
    | ((object: KubernetesObject, problems: Problems, surroundings: Surroundings) => void)
    | undefined;
  rule?.({ ...rest, metadata: completed(metadata, namespace) }, problems, surroundings);
  return problems.list;
}

/** Null is absent here too; a name that the server is to generate is not there yet. */
function completed(metadata: ObjectMeta, namespace: string | undefined): ObjectMeta {
  const annotations = Object.entries(metadata.annotations ?? {}).filter(([, value]) => value !== null);
  return {
    ...metadata,
    name: metadata.name ?? '',
    namespace: metadata.namespace ?? namespace,
    annotations: Object.fromEntries(annotations),
  };
}
