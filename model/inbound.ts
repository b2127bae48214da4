import { isMeshed, skipsInbound } from '../control-plane/cluster/pod-facts.ts';
import type { PolicyContext } from '../control-plane/policy/context.ts';
import { serverPolicy } from '../control-plane/policy/inbound/server-policy.ts';
import type { Pod } from '../lib/kinds/pod.ts';
import type { ClientInfo } from '../proxy/model/client-info.ts';
import { authorize } from '../proxy/policy/inbound/authorize.ts';
import { serverPolicyFromApi } from '../proxy/policy/inbound/from-api.ts';
import { foldedRoute, headReadings } from '../proxy/policy/inbound/readings.ts';
import type { Authorization, RoutePolicy, ServerPolicy } from '../proxy/policy/inbound/server-policy.ts';
import { type IpAddress, parseIp } from '../proxy/wire/ip-network.ts';
import type { RequestHead } from '../proxy/wire/stream.ts';
import { outsideAddress } from './addresses.ts';
import { describeAuthorization } from './authorizations.ts';
import { nameOf, routeNameOf } from './names.ts';
import type { Workload } from './workload.ts';

/** What a pod's sidecar says to a request. */
export interface InboundDecision {
  readonly allowed: boolean;
  readonly by: string;
  readonly status: number | undefined;
  readonly route: string | undefined;
  readonly steps: readonly string[];
}

/** A caller as the called sidecar knows it: what is not meshed proves nothing, and no more does what passes by a sidecar. */
export function clientOf(from: Workload | undefined, bySidecars: boolean, own?: IpAddress): ClientInfo {
  const address = own ?? parseIp(from?.pod.status?.podIP ?? outsideAddress);
  const tls = bySidecars && from?.meshed === true;
  return { address, tls, identity: tls ? from.identity : undefined };
}

/** The policy of a port as the pod's proxy has it; undefined without a proxy, and where connections pass by it. */
export function policyOf(pod: Pod, port: number, context: PolicyContext): ServerPolicy | undefined {
  if (!isMeshed(pod, context.config) || skipsInbound(pod, port)) return undefined;
  return serverPolicyFromApi(serverPolicy(pod, port, context).server, 0, false, 1, () => {});
}

/** Whether a pod takes a request at a port. `head` is undefined for bytes that are no HTTP. */
export function inboundDecision(
  pod: Pod,
  port: number,
  client: ClientInfo,
  head: RequestHead | undefined,
  token: boolean,
  context: PolicyContext,
): InboundDecision {
  const { namespace, name } = pod.metadata;
  const policy = policyOf(pod, port, context);
  if (policy === undefined) {
    const isSkipped = isMeshed(pod, context.config);
    const why = isSkipped
      ? `port ${port} of ${namespace}/${name} skips its sidecar`
      : `pod ${namespace}/${name} has no sidecar`;
    const steps = [`${why}: whoever reaches it is let in`];
    return { allowed: true, by: isSkipped ? 'skipped port' : 'no sidecar', status: undefined, route: undefined, steps };
  }
  const at = `port ${port} of ${namespace}/${name} has ${nameOf(policy.labels, namespace)}`;
  const speaksHttp = policy.protocol !== 'opaque' && policy.protocol !== 'tls';
  if (head === undefined || !speaksHttp) {
    const decision = decided(policy.authorizations, client, undefined, namespace, [at, `it is ${policy.protocol}`]);
    return decision.allowed ? decision : { ...decision, status: 0 };
  }
  const heads = headReadings(policy, head);
  if (heads === undefined) {
    const why = 'its path may be read in too many ways';
    return { allowed: false, by: why, status: 400, route: undefined, steps: [at, why] };
  }
  let decision: InboundDecision | undefined;
  for (const each of heads) {
    const route = policy.routes?.find(each);
    const folded = foldedRoute(policy, each, route);
    for (const taken of folded === route ? [route] : [route, folded]) {
      decision = ofRoute(policy, taken, client, namespace, token, at);
      if (!decision.allowed) return decision;
    }
  }
  return decision as InboundDecision;
}

function ofRoute(
  policy: ServerPolicy,
  route: RoutePolicy | undefined,
  client: ClientInfo,
  namespace: string | undefined,
  token: boolean,
  at: string,
): InboundDecision {
  if (route === undefined && policy.routes !== undefined) {
    const why = 'no route of its Server fits it';
    return { allowed: false, by: why, status: 404, route: undefined, steps: [at, why] };
  }
  const name = routeNameOf(route?.labels, namespace);
  const steps = name === undefined ? [at] : [at, `it is taken by ${name}`];
  const decision = decided((route ?? policy).authorizations, client, route, namespace, steps);
  if (!decision.allowed) return decision;
  if (route?.tokens?.required === true && !token) {
    const why = 'it needs the token of an end user';
    return { ...decision, allowed: false, by: why, status: 401, steps: [...decision.steps, why] };
  }
  return (route?.checks ?? []).reduce(withCheck, decision);
}

type Check = NonNullable<RoutePolicy['checks']>[number];

/** What an authorizer says is not known here: it is taken to let in, and told of. */
function withCheck(decision: InboundDecision, { authority, failOpen, unusable }: Check): InboundDecision {
  if (!decision.allowed) return decision;
  if (unusable === undefined) return { ...decision, steps: [...decision.steps, `${authority} is asked about it`] };
  const why = `nobody can be asked about it: ${unusable}`;
  if (failOpen) return { ...decision, steps: [...decision.steps, `${why}; it is let in all the same`] };
  return { ...decision, allowed: false, by: why, status: 403, steps: [...decision.steps, why] };
}

function decided(
  authorizations: readonly Authorization[],
  client: ClientInfo,
  route: RoutePolicy | undefined,
  namespace: string | undefined,
  steps: readonly string[],
): InboundDecision {
  const authz = authorize(authorizations, client);
  const shown = routeNameOf(route?.labels, namespace);
  if (authz !== undefined) {
    const by = nameOf(authz.labels, namespace);
    const audit = authz.audit ? ', which only tells of it' : '';
    return { allowed: true, by, status: undefined, route: shown, steps: [...steps, `let in by ${by}${audit}`] };
  }
  const considered = authorizations.map(
    (one) => `${nameOf(one.labels, namespace)} ${describeAuthorization(one, client)}`,
  );
  const why = authorizations.length === 0 ? 'nothing lets anybody in' : 'nothing lets this client in';
  return { allowed: false, by: why, status: 403, route: shown, steps: [...steps, why, ...considered] };
}
