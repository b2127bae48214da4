import type { ApiObject } from 'cdk8s';
import { isRecord } from '../inject/kubernetes.ts';
import type { NamedMatch, ParentRef } from '../kinds/route-object.ts';
import { namespaceOf, type RenderedObject } from '../workload/app-view.ts';
import type { AnyMatch } from './route-precedence.ts';

/** A route as the review of an app reads it; what others have written may have any shape. */
export interface RouteEntry {
  readonly construct: ApiObject;
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
  /** Sorted, with spaces between them. */
  readonly hosts: string;
  /** `group/kind/namespace/name/port`, with `*` for every port. */
  readonly parents: readonly string[];
  readonly rules: readonly (readonly AnyMatch[])[];
}

export function entryOf({ construct, manifest }: RenderedObject): RouteEntry {
  const { parentRefs, hostnames, rules } = manifest.spec ?? {};
  const namespace = namespaceOf(manifest);
  return {
    construct,
    kind: String(manifest.kind),
    name: String(manifest.metadata?.name),
    namespace,
    hosts: list(hostnames).map(String).sort().join(' '),
    parents: list(parentRefs)
      .filter(isRecord)
      .map((parent) => parentKey(parent as unknown as ParentRef, namespace)),
    rules: list(rules).map((rule) => matchesOf(isRecord(rule) ? rule.matches : undefined)),
  };
}

/** A rule without matches is for all requests. What others have written may have any shape. */
const matchesOf = (matches: unknown): AnyMatch[] =>
  Array.isArray(matches) && matches.length > 0 ? matches.filter(isRecord).map(soundMatch) : [{}];

function soundMatch({ path, method, headers, queryParams }: Record<string, unknown>): AnyMatch {
  return {
    ...(isRecord(path) ? { path: { ...path, value: String(path.value ?? '/') } } : {}),
    ...(isRecord(method) || typeof method === 'string' ? { method } : {}),
    headers: list(headers).filter(isNamed),
    queryParams: list(queryParams).filter(isNamed),
  };
}

const isNamed = (value: unknown): value is NamedMatch =>
  isRecord(value) && typeof value.name === 'string' && typeof value.value === 'string';

const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

const parentKey = ({ group, kind, namespace, name, port }: ParentRef, own: string): string =>
  [group, kind, namespace ?? own, name, port ?? '*'].join('/');

/** Whether two are of one parent; a reference without a port is to all of them. */
export function haveCommonParent(a: RouteEntry, b: RouteEntry): boolean {
  const withoutPort = (key: string) => key.slice(0, key.lastIndexOf('/') + 1);
  return a.parents.some((one) =>
    b.parents.some(
      (other) =>
        one === other || (withoutPort(one) === withoutPort(other) && (one.endsWith('/*') || other.endsWith('/*'))),
    ),
  );
}

/** For people: `HTTPRoute shop/orders`. */
export const textOf = ({ kind, namespace, name }: RouteEntry): string => `${kind} ${namespace}/${name}`;
