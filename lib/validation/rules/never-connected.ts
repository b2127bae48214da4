import type { Rule } from '../finding.ts';
import { type Entry, type KnownObject, type ManifestModel, nameOf, objectsOf } from '../manifest-model.ts';
import { type AnyRoute, serviceReferences } from '../route-backends.ts';
import { meshParents, type Parent } from '../route-parents.ts';
import { spokenProtocol } from '../spoken-protocol.ts';

/** What tells more of a connection holds before what tells less of it. */
const precedence = ['TCPRoute', 'TLSRoute', 'HTTPRoute', 'GRPCRoute'] as const;

interface Route<E extends Entry> extends KnownObject<E, AnyRoute> {
  readonly kind: (typeof precedence)[number];
  readonly parents: readonly Parent[];
  readonly hosts: readonly string[];
}

/** A route of connections, or a name of it, that never has one. */
export const neverConnected: Rule = {
  id: 'never-connected',
  *check<E extends Entry>(model: ManifestModel<E>) {
    const all = precedence.flatMap((kind) => routesOf(model, kind));
    for (const route of all.filter(({ kind }) => kind === 'TCPRoute' || kind === 'TLSRoute')) {
      for (const { field, message, fix } of whyNever(route, all, model)) {
        yield { ...{ severity: 'error' as const, at: route.entry }, field, message, fix };
      }
    }
  },
};

/** In the order of their names, which is that in which those that are equally old are looked at. */
function routesOf<E extends Entry>(model: ManifestModel<E>, kind: Route<E>['kind']): Route<E>[] {
  const objects: readonly KnownObject<E, AnyRoute & { spec: { hostnames?: readonly string[] } }>[] = objectsOf(
    model,
    kind,
  );
  return objects
    .map((known) => ({
      ...{ ...known, kind, hosts: known.object.spec.hostnames ?? [] },
      parents: meshParents(known.object.spec.parentRefs ?? [], known.namespace),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

interface Never {
  readonly field: string;
  readonly message: string;
  readonly fix: string;
}

function* whyNever<E extends Entry>(own: Route<E>, all: readonly Route<E>[], model: ManifestModel<E>): Iterable<Never> {
  const rivals = all.filter((other) => other !== own && holdsFor(other, own));
  const stronger = rivals.find(({ kind }) => precedence.indexOf(kind) > precedence.indexOf(own.kind));
  const field = 'spec.parentRefs';
  if (stronger !== undefined) {
    const message = `never hold: ${nameOf(stronger.entry.manifest)} is of the same port, and comes before a ${own.kind}`;
    yield { field, message, fix: 'leave one of them out' };
    return;
  }
  const spoken = [...otherwiseSpoken(own, model)];
  yield* spoken;
  if (spoken.length > 0) return;
  const before = rivals
    .filter(({ kind }) => kind === own.kind)
    .filter((other) => all.indexOf(other) < all.indexOf(own));
  if (own.kind === 'TCPRoute' && before.length > 0) {
    const message = `never hold: ${nameOf(before[0].entry.manifest)} has all connections of the port`;
    yield { field, message, fix: 'write one route' };
  }
  for (const [index, host] of own.kind === 'TLSRoute' ? own.hosts.entries() : []) {
    const other = before.find(({ hosts }) => hosts.includes(host));
    if (other === undefined) continue;
    const message = `(${host}) never has a connection: ${nameOf(other.entry.manifest)} takes all of them`;
    yield { field: `spec.hostnames[${index}]`, message, fix: 'leave it out' };
  }
}

/** Whether a route is of every port of the parents that another one is of. */
const holdsFor = ({ parents }: Route<Entry>, other: Route<Entry>): boolean =>
  other.parents.length > 0 &&
  other.parents.every(({ key, port }) =>
    parents.some((one) => one.key === key && (one.port === undefined || one.port === port)),
  );

/** A port that says what it speaks is taken at its word, whatever routes it has. */
function* otherwiseSpoken<E extends Entry>(route: Route<E>, model: ManifestModel<E>): Iterable<Never> {
  for (const { path, namespace, name, port } of serviceReferences(route)) {
    if (!path.startsWith('spec.parentRefs')) continue;
    const spoken = spokenProtocol(model, { namespace, name, port });
    const isOfBytes = spoken?.name !== 'http' && spoken?.name !== 'kubernetes.io/h2c';
    if (spoken === undefined || (route.kind === 'TCPRoute' && isOfBytes)) continue;
    yield {
      field: path,
      message: `never holds: port ${port} of the Service ${namespace}/${name} says what it speaks, ${spoken.why}, which is no ${route.kind}'s`,
      fix: 'leave that out',
    };
  }
}
