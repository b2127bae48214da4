import type { IConstruct } from 'constructs';
import { dataPlaneAnnotation } from '../contract/annotations.ts';
import { applyAnnotations } from '../inject/annotations.ts';
import { unknownToLinkerd } from '../inject/data-plane.ts';
import { isRecord } from '../inject/kubernetes.ts';
import { installationOf } from '../mesh/installation.ts';
import { type AppView, isKind, namespaceOf, type RenderedObject } from './app-view.ts';
import { warn } from './warnings.ts';

const gateway = 'gateway.networking.k8s.io';
const own = 'tulle.dev';
const routeGroups: readonly [string, string][] = [
  [gateway, 'HTTPRoute'],
  [gateway, 'GRPCRoute'],
  ['policy.linkerd.io', 'HTTPRoute'],
];
/** Annotations of Services, routes and EgressNetworks that Linkerd's proxy is not told of, or skips. */
const skipped = ['hedge.tulle.dev/', 'balancer.tulle.dev/', 'override.tulle.dev/', 'tulle.dev/failover-below'];
/** Filters that it takes for one without a kind, and refuses the policy for (api/README.md). */
const refusedFilters = ['URLRewrite', 'RequestMirror', 'CORS'];

/**
 * Looks at an app for what Linkerd's proxy does not do, where that is the data plane: fails on what would be open or broken
 * without it, and warns of what is merely left undone.
 */
export function reviewDataPlane(root: IConstruct, view: AppView): void {
  const { linkerd2, meshNamespace, defaults } = installationOf(root);
  if (linkerd2 === undefined) return;
  for (const { construct: at, manifest, pod, isMeshed } of view.pods) {
    if (!isMeshed || manifest.metadata?.namespace === meshNamespace) continue;
    if (pod.metadata?.annotations?.[dataPlaneAnnotation] === undefined) {
      tell(at, "explicit mode is none of Linkerd's proxy: the pods have the mesh's own");
      continue;
    }
    const place = { object: '', field: '', level: 'workload' } as const;
    for (const name of unknownToLinkerd(applyAnnotations(defaults, pod.metadata, place, []))) {
      tell(at, `the setting ${name} does nothing: Linkerd's proxy does not know it`);
    }
  }
  const routes = routeGroups.flatMap(([group, kind]) => view.ofKind(group, kind));
  const others = [...view.ofKind('v1', 'Service'), ...view.ofKind('policy.linkerd.io', 'EgressNetwork')];
  for (const object of [...routes, ...others]) warnOfSkipped(object);
  const delays = view
    .ofKind(own, 'FaultInjection')
    .filter(({ manifest }) => isRecord(manifest.spec) && manifest.spec.delay !== undefined);
  const problems = [
    ...shutProblems(view.ofKind(own, 'RequestAuthentication'), 'checks no tokens of end users'),
    ...shutProblems(view.ofKind(own, 'ExternalAuthorization'), 'asks no authorizer'),
    ...routes.flatMap(filterProblems),
    ...delays.map((object) =>
      told(object, "Linkerd's proxy delays nothing, and refuses the routes that would: leave 'delay' out"),
    ),
  ];
  if (problems.length > 0)
    throw new Error(`Linkerd's proxy, the data plane of the mesh, cannot do it:\n${problems.join('\n')}`);
}

const tell = (at: RenderedObject['construct'], message: string): void =>
  warn(at, 'TULLE_NOT_OF_DATA_PLANE', `${message}. DataPlane.tulle() has it`);

function warnOfSkipped({ construct, manifest }: RenderedObject): void {
  const annotations = Object.keys(manifest.metadata?.annotations ?? {});
  const found = annotations.filter((name) => skipped.some((prefix) => name.startsWith(prefix))).sort();
  if (found.length > 0) tell(construct, `${found.join(', ')} does nothing: Linkerd's proxy does not know it`);
}

const shutProblems = (objects: readonly RenderedObject[], lacks: string): string[] =>
  objects.map((object) =>
    told(
      object,
      `Linkerd's proxy ${lacks}, so that nobody would be let in at its target: leave it out, or say DataPlane.tulle()`,
    ),
  );

function filterProblems(object: RenderedObject): string[] {
  const { manifest } = object;
  const { rules, parentRefs } = manifest.spec ?? {};
  const isInbound = list(parentRefs).some(({ kind }) => kind === 'Server');
  const isGrpc = isKind(manifest, gateway, 'GRPCRoute');
  const refused = [...refusedFilters, ...(isInbound || isGrpc ? ['ResponseHeaderModifier'] : [])];
  const types = list(rules).flatMap((rule) =>
    [rule, ...list(rule.backendRefs)].flatMap(({ filters }) => list(filters).map(({ type }) => String(type))),
  );
  return [...new Set(types.filter((type) => refused.includes(type)))].map((type) =>
    told(
      object,
      `Linkerd's proxy has no filter ${type}, and refuses all that it is told together with it: leave it out`,
    ),
  );
}

const list = (value: unknown): Record<string, unknown>[] => (Array.isArray(value) ? value.filter(isRecord) : []);

const told = ({ construct, manifest }: RenderedObject, message: string): string =>
  `  [${construct.node.path}] ${manifest.kind} ${namespaceOf(manifest)}/${manifest.metadata?.name}: ${message}`;
