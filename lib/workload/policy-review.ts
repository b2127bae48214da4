import type { IConstruct } from 'constructs';
import { injectAnnotation, setting } from '../contract/annotations.ts';
import { isInboundPolicy } from '../contract/inbound-policies.ts';
import { type LabelSelector, selects } from '../contract/labels.ts';
import { isRecord, type Manifest } from '../inject/kubernetes.ts';
import { manifestName, templateAt, templatePath } from '../inject/workload.ts';
import { type AppView, namespaceOf, type RenderedObject } from './app-view.ts';
import { warn } from './warnings.ts';
import { type FacetWorkload, failOn, isDerived } from './workload-policies.ts';

const policyGroup = 'policy.linkerd.io';

/**
 * Looks at what is said of workloads beside everything else of the app. Fails the synth for what cannot hold; warns of what
 * holds and may not be meant, and of what depends on things that the app does not make.
 */
export function reviewPolicies(workloads: readonly FacetWorkload[], view: AppView): void {
  const failures = [...unmeshedInStrictNamespaces(view)];
  if (workloads.length > 0) {
    failures.push(...unmeshed(workloads, view), ...twiceNamed(view), ...twiceServed(workloads, view));
  }
  failOn(failures.map(({ construct, problem }) => `  [${construct.node.path}] ${problem}`));
  for (const workload of workloads) warnOfScrapes(workload);
  warnOfMissingAccounts(view);
}

interface Failure {
  readonly construct: IConstruct;
  readonly problem: string;
}

/** Nothing is held, and no identity proven, where no sidecar is. */
function* unmeshed(workloads: readonly FacetWorkload[], view: AppView): Iterable<Failure> {
  const without = new Set(view.pods.filter(({ isMeshed }) => !isMeshed).map(({ construct }) => construct));
  for (const { facet } of workloads) {
    const { object: construct, wishes, hasOwnAccount } = facet;
    if (!without.has(construct)) continue;
    const isGuarded = wishes.callers.length + wishes.unmeshed.size + wishes.demands.length > 0;
    const why = 'has no sidecar: it is told not to get one, or its namespace is; mesh it';
    if (isGuarded) yield { construct, problem: `says who may call and how, and ${why}, or say nothing` };
    else if (hasOwnAccount) yield { construct, problem: `is named as a caller, and proves no identity, for it ${why}` };
  }
}

/** Of two objects with one name, one takes the other's place when they are applied. */
function* twiceNamed(view: AppView): Iterable<Failure> {
  const groups = [policyGroup, 'tulle.dev'].flatMap((group) =>
    [...kindsOf(group)].map((kind) => [group, kind] as const),
  );
  for (const [group, kind] of [...groups, ['v1', 'ServiceAccount'] as const]) {
    const known = new Map<string, RenderedObject>();
    for (const object of view.ofKind(group, kind)) {
      const key = `${namespaceOf(object.manifest)}/${object.manifest.metadata?.name}`;
      const other = known.get(key);
      known.set(key, object);
      if (other === undefined || !(isDerived(object.construct) || isDerived(other.construct))) continue;
      const [derived, given] = isDerived(object.construct) ? [object, other] : [other, object];
      yield {
        construct: derived.construct,
        problem: `is derived from its workload, and ${kind} ${key} is at ${given.construct.node.path} already: name one of the two otherwise`,
      };
    }
  }
}

function kindsOf(group: string): readonly string[] {
  return group === policyGroup
    ? ['Server', 'AuthorizationPolicy', 'MeshTLSAuthentication', 'NetworkAuthentication', 'HTTPLocalRateLimitPolicy']
    : ['RequestAuthentication', 'ExternalAuthorization'];
}

/** Of two Servers of one port the oldest holds, and the other does nothing. */
function* twiceServed(workloads: readonly FacetWorkload[], view: AppView): Iterable<Failure> {
  const servers = view.ofKind(policyGroup, 'Server');
  for (const { facet, workload } of workloads) {
    const { wishes, object: construct } = facet;
    const guarded = workload.ports.filter(
      ({ number, opaque }) =>
        wishes.callers.length > 0 ||
        wishes.unmeshed.has(number) ||
        wishes.demands.some(({ ports }) => (ports === undefined ? !opaque : ports.includes(number))),
    );
    for (const server of servers) {
      if (server.construct.node.scope === construct || namespaceOf(server.manifest) !== workload.namespace) continue;
      const { podSelector, port } = server.manifest.spec ?? {};
      if (!isRecord(podSelector) || !selects(podSelector as LabelSelector, workload.labels)) continue;
      const same = guarded.find(({ number, name }) => port === number || (name !== undefined && port === name));
      if (same === undefined) continue;
      yield {
        construct,
        problem: `gets a Server for port ${same.number}, of which ${server.construct.node.path} is one: of two the oldest holds alone. Say it to the workload or by objects, not both`,
      };
    }
  }
}

/** A namespace says that its ports take few; a workload without sidecar takes everybody. */
function* unmeshedInStrictNamespaces(view: AppView): Iterable<Failure> {
  const strict = new Map(
    [...view.namespaces].flatMap(([name, metadata]) => {
      const policy = setting(metadata, 'default-inbound-policy') ?? '';
      return isInboundPolicy(policy) && (policy === 'deny' || policy.endsWith('-authenticated'))
        ? [[name, policy] as const]
        : [];
    }),
  );
  if (strict.size === 0) return;
  for (const { construct, given, isMeshed } of view.pods) {
    const policy = strict.get(namespaceOf(given));
    if (policy === undefined || isMeshed || isToldNot(given)) continue;
    yield {
      construct,
      problem: `${manifestName(given)} is in the namespace ${namespaceOf(given)}, whose default-inbound-policy is '${policy}', and has no sidecar that would hold it: mesh it, or say '${injectAnnotation}: disabled' on its pods if that is meant`,
    };
  }
}

function isToldNot(manifest: Manifest): boolean {
  const path = templatePath(manifest);
  const metadata = path === undefined ? undefined : templateAt(manifest, path)?.metadata;
  return metadata?.annotations?.[injectAnnotation] === 'disabled';
}

/** Prometheus is told to come to a port that lets in some callers alone. */
function warnOfScrapes({ facet, workload }: FacetWorkload): void {
  const { wishes, object } = facet;
  const port = workload.ports.find(({ number }) => number === workload.scraped);
  if (port === undefined || wishes.unmeshed.has(port.number)) return;
  const wantsToken = wishes.demands.some(
    ({ kind, ports }) => kind === 'RequestAuthentication' && (ports ?? [port.number]).includes(port.number),
  );
  if (wishes.callers.length === 0 && !wantsToken) return;
  const why = wantsToken
    ? `requests with a token alone are let in: say requireJwt with 'ports' without it`
    : `allowFrom lets in nobody else: name who scrapes, or say allowUnmeshed(${port.number}) with its networks`;
  warn(object, 'TULLE_SCRAPE_REFUSED', `Prometheus is told to scrape port ${port.number}, where ${why}`);
}

/** An account that nobody of a namespace runs as, where the app makes what runs there, is most often a slip. */
function warnOfMissingAccounts(view: AppView): void {
  const named = [
    ...view
      .ofKind(policyGroup, 'MeshTLSAuthentication')
      .map(({ construct, manifest }) => ({ construct, manifest, refs: manifest.spec?.identityRefs })),
    ...view
      .ofKind(policyGroup, 'AuthorizationPolicy')
      .map(({ construct, manifest }) => ({ construct, manifest, refs: manifest.spec?.requiredAuthenticationRefs })),
  ];
  if (named.length === 0) return;
  const accounts = new Set(
    view.ofKind('v1', 'ServiceAccount').map(({ manifest }) => `${namespaceOf(manifest)}/${manifest.metadata?.name}`),
  );
  const namespaces = new Set(view.namespaces.keys());
  for (const { manifest, pod } of view.pods) {
    namespaces.add(namespaceOf(manifest));
    accounts.add(`${namespaceOf(manifest)}/${pod.spec?.serviceAccountName ?? 'default'}`);
  }
  for (const { construct, manifest, refs } of named) {
    for (const { kind, name, namespace = namespaceOf(manifest) } of (Array.isArray(refs) ? refs : []).filter(
      isRecord,
    )) {
      if (kind !== 'ServiceAccount' || !namespaces.has(String(namespace)) || accounts.has(`${namespace}/${name}`))
        continue;
      const message = `the account ${namespace}/${name} is named, and nothing in the app makes it or runs as it there: nobody is let in by it unless another app does`;
      warn(construct, 'TULLE_NO_ACCOUNT', message);
    }
  }
}
