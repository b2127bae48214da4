import type { RouteCondition, RouteParentStatus } from '../../../lib/kinds/route-object.ts';
import { notFollowed, unfollowedParents } from '../followed.ts';
import type { IndexedRoute } from '../index/route-index.ts';
import { acceptance, type ParentLookup } from '../routes/acceptance.ts';
import { faultProblem } from '../routes/faults.ts';
import { isMirror } from '../routes/filters.ts';
import {
  backendEgressNetwork,
  backendService,
  backendsOf,
  faultsOf,
  mayName,
  type RouteParent,
} from '../routes/references.ts';
import type { Rule } from '../routes/route-rules.ts';

export const controllerName = 'linkerd.io/policy-controller';

/**
 * The `status.parents` that a route is to have, or undefined when it has them already (linkerd2
 * policy-controller/k8s/status/src/index.rs), with what of it the sidecars follow, and of which generation of the route
 * that is told. What other controllers wrote stays; a condition that did not change keeps its time.
 */
export function routeStatus(
  route: IndexedRoute,
  lookup: ParentLookup,
  now: Date,
  unfollowed: ReadonlySet<string> = unfollowedParents,
): RouteParentStatus[] | undefined {
  const written = route.object.status?.parents ?? [];
  const others = written.filter((status) => status.controllerName !== controllerName);
  const ours = written.filter((status) => status.controllerName === controllerName);
  const { generation } = route.object.metadata;
  let changed = false;
  const wanted = route.parents.map((parent): RouteParentStatus => {
    const parentRef = parentRefOf(parent);
    const before = ours.find((status) => isSameParent(status.parentRef, parentRef));
    const conditions = conditionsOf(route, parent, lookup, unfollowed).map((condition): RouteCondition => {
      const known = before?.conditions?.find((each) => isSameCondition(each, condition));
      if (known === undefined || known.observedGeneration !== generation) changed = true;
      const lastTransitionTime = known?.lastTransitionTime ?? timestamp(now);
      return { ...condition, lastTransitionTime, ...(generation !== undefined && { observedGeneration: generation }) };
    });
    if ((before?.conditions ?? []).length !== conditions.length) changed = true;
    return { parentRef, controllerName, conditions };
  });
  if (!changed && wanted.length === ours.length) return undefined;
  return [...others, ...wanted];
}

/** What a sidecar that receives does not do, and why. */
const onlyWhereSent: readonly (readonly [isIn: (rule: Rule<unknown>) => boolean, why: string])[] = [
  [({ filters }) => filters.some(isMirror), 'copies are made where requests are sent, so that a RequestMirror'],
  [({ retry }) => retry !== undefined, 'requests are tried again where they are sent, so that retry'],
  [({ session }) => session !== undefined, 'an endpoint is chosen where requests are sent, so that sessionPersistence'],
];

function unservedAtServer({ rules }: IndexedRoute): string | undefined {
  if (rules?.protocol !== 'http' && rules?.protocol !== 'grpc') return undefined;
  const all: readonly Rule<unknown>[] = rules.rules;
  for (const [isIn, why] of onlyWhereSent) {
    const at = all.findIndex(isIn);
    if (at >= 0) return `spec.rules[${at}]: ${why} holds at a Service only`;
  }
  return undefined;
}

/** Of a condition; the API server takes 32 KiB. */
const longestMessage = 1024;

type ParentRefStatus = RouteParentStatus['parentRef'];
type Condition = Omit<RouteCondition, 'lastTransitionTime'> & { readonly reason: string; readonly message: string };

function parentRefOf({ kind, key, port }: RouteParent): ParentRefStatus {
  const [namespace, name] = key.split('/');
  const group = kind === 'Service' ? 'core' : 'policy.linkerd.io';
  return { group, kind, namespace, name, ...(port === undefined ? {} : { port }) };
}

function conditionsOf(
  route: IndexedRoute,
  parent: RouteParent,
  lookup: ParentLookup,
  unfollowed: ReadonlySet<string>,
): Condition[] {
  const found = acceptedCondition(route, parent, lookup);
  // What is accepted and does nothing would be looked for in vain.
  const accepted =
    found.status === 'True' && unfollowed.has(parent.kind)
      ? { type: found.type, status: 'False', reason: 'NotFollowed', message: notFollowed }
      : found;
  // A Server has no backends but its own pods: only what filters name may be missing.
  const fault = unresolvedFault(route, lookup);
  if (parent.kind === 'Server') return fault === undefined ? [accepted] : [accepted, fault];
  return [accepted, fault ?? resolvedCondition(route, parent, lookup)];
}

function acceptedCondition(route: IndexedRoute, parent: RouteParent, lookup: ParentLookup): Condition {
  const accepted = acceptance(route, parent, lookup);
  const problem = route.problem ?? (parent.kind === 'Server' ? unservedAtServer(route) : undefined);
  if (accepted === 'Accepted' && problem !== undefined) {
    return {
      type: 'Accepted',
      status: 'False',
      reason: 'UnsupportedValue',
      message: problem.slice(0, longestMessage),
    };
  }
  const isOther = accepted === 'HeadlessParent' || accepted === 'PortlessParent';
  return {
    type: 'Accepted',
    status: accepted === 'Accepted' ? 'True' : 'False',
    reason: isOther ? 'NoMatchingParent' : accepted,
    message: isOther ? otherParents[accepted] : '',
  };
}

const otherParents = {
  HeadlessParent: 'parent service must have a ClusterIP',
  PortlessParent: 'the reference to an EgressNetwork must name a port',
} as const;

/** The first FaultInjection that is not there, or cannot hold, tells: the requests of its rule fail. */
function unresolvedFault({ object, namespace, rules }: IndexedRoute, lookup: ParentLookup): Condition | undefined {
  if (rules?.protocol !== 'http' && rules?.protocol !== 'grpc') return undefined;
  for (const [at, rule] of (object.spec.rules ?? []).entries()) {
    for (const fault of faultsOf(rule, namespace)) {
      const problem = faultProblem(fault, rules.protocol, lookup.faults);
      if (problem === undefined) continue;
      const message = `spec.rules[${at}]: ${problem.message}`.slice(0, longestMessage);
      return { type: 'ResolvedRefs', status: 'False', reason: problem.reason, message };
    }
  }
  return undefined;
}

/** The first backend that is not there, may not be named, or is of a kind that cannot be one, tells. */
function resolvedCondition(route: IndexedRoute, parent: RouteParent, lookup: ParentLookup): Condition {
  const { object, namespace } = route;
  const unresolved = (reason: string, message = ''): Condition => ({
    ...{ type: 'ResolvedRefs', status: 'False', reason, message },
  });
  for (const rule of object.spec.rules ?? []) {
    for (const ref of backendsOf(rule)) {
      const network = backendEgressNetwork(ref, namespace);
      if (network !== undefined) {
        if (!lookup.hasEgressNetwork(network)) return unresolved('BackendNotFound');
        if (parent.kind === 'EgressNetwork' && parent.key === network) continue;
        return unresolved('InvalidKind', 'an EgressNetwork is a backend of routes to itself only');
      }
      const service = backendService(ref, namespace);
      if (service === undefined) return unresolved('InvalidKind');
      // First, as whether it is there is not for everybody to know.
      if (!mayName(route, service, lookup.grants)) return unresolved('RefNotPermitted', notGranted(service));
      if (lookup.service(service) === undefined) return unresolved('BackendNotFound');
    }
  }
  return { type: 'ResolvedRefs', status: 'True', reason: 'ResolvedRefs', message: '' };
}

/** What is missing for a route to name a Service of another namespace. */
const notGranted = (service: string): string =>
  `no ReferenceGrant in namespace ${service.slice(0, service.indexOf('/'))} lets this route name Service ${service}`;

function isSameParent(a: ParentRefStatus, b: ParentRefStatus): boolean {
  return (
    a.group === b.group && a.kind === b.kind && a.namespace === b.namespace && a.name === b.name && a.port === b.port
  );
}

function isSameCondition(a: RouteCondition, b: Condition): boolean {
  return a.type === b.type && a.status === b.status && a.reason === b.reason && (a.message ?? '') === b.message;
}

/** The API server knows whole seconds. */
export function timestamp(now: Date): string {
  return now.toISOString().replace(/\.\d+Z$/, 'Z');
}
