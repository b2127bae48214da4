import type { GrpcRoute, HttpRoute } from '../../kinds/route-object.ts';
import type { Rule } from '../finding.ts';
import { type Entry, type KnownObject, type ManifestModel, nameOf, objectsOf } from '../manifest-model.ts';
import { serviceReferences } from '../route-backends.ts';
import { meshParents, type Parent } from '../route-parents.ts';
import { type AnyMatch, takesAllOf } from '../route-precedence.ts';
import { spokenProtocol } from '../spoken-protocol.ts';

interface Route<E extends Entry> extends KnownObject<E, HttpRoute | GrpcRoute> {
  readonly hosts: string;
  readonly parents: readonly Parent[];
  readonly rules: readonly (readonly AnyMatch[])[];
}

/** A route, or a match of one, that never has a request, since another one takes all of them. */
export const neverMatched: Rule = {
  id: 'never-matched',
  *check<E extends Entry>(model: ManifestModel<E>) {
    const [http, grpc, policy] = (['HTTPRoute', 'GRPCRoute', 'PolicyHTTPRoute'] as const).map((kind) =>
      inOrder<E>(objectsOf(model, kind)),
    );
    const kept: Route<E>[] = [];
    const grpcOf = byParent(grpc);
    for (const route of http) {
      const [rival] = rivalsOf(route, grpcOf);
      if (rival === undefined) kept.push(route);
      else yield overruled(route, rival);
    }
    for (const routes of [kept, grpc, policy]) {
      yield* shadowed(routes);
      yield* otherwiseSpoken(routes, model);
    }
  },
};

/** A port that says what it speaks is taken at its word, whatever routes it has. */
function* otherwiseSpoken<E extends Entry>(routes: readonly Route<E>[], model: ManifestModel<E>) {
  for (const route of routes) {
    const { kind } = route.object;
    for (const { path, ...parent } of serviceReferences(route)) {
      if (!path.startsWith('spec.parentRefs')) continue;
      const spoken = spokenProtocol(model, parent);
      const isRoutes = spoken?.name === 'kubernetes.io/h2c' || (spoken?.name === 'http' && kind === 'HTTPRoute');
      if (spoken === undefined || isRoutes) continue;
      yield {
        ...{ severity: 'error' as const, at: route.entry, field: path },
        message: `never holds: port ${parent.port} of the Service ${parent.namespace}/${parent.name} says what it speaks, ${spoken.why}, which is no ${kind}'s`,
        fix: 'leave that out, or route its connections by a TcpRoute or TlsRoute',
      };
    }
  }
}

const overruled = <E extends Entry>({ entry: at }: Route<E>, { entry: by }: Route<E>) => ({
  ...{ severity: 'error' as const, at, field: 'spec.parentRefs' },
  message: `never hold: ${nameOf(by.manifest)} is of the same parent, which has routes of one kind`,
  fix: 'say all of it in the GRPCRoute, or give one of them a parent of its own',
});

function* shadowed<E extends Entry>(routes: readonly Route<E>[]) {
  const ofParent = byParent(routes);
  for (const own of routes) {
    const alike = rivalsOf(own, ofParent).filter(({ hosts }) => hosts === own.hosts);
    for (const [index, matches] of own.rules.entries()) {
      for (const [at, match] of matches.entries()) {
        const taker = firstTaker(alike, own, index, at, match);
        if (taker === undefined) continue;
        yield {
          ...{ severity: 'error' as const, at: own.entry },
          field: `spec.rules[${index}]${matches.length === 1 ? '' : `.matches[${at}]`}`,
          message: `never has a request, for ${taker} takes all of them`,
          fix: 'make it match more, or leave it out',
        };
      }
    }
  }
}

/** As they are looked at: of those that are equally old, by name. */
const inOrder = <E extends Entry>(objects: readonly KnownObject<E, HttpRoute | GrpcRoute>[]): Route<E>[] =>
  objects
    .map((known) => {
      const { hostnames = [], parentRefs = [], rules = [] } = known.object.spec;
      return {
        ...known,
        hosts: [...hostnames].sort().join(' '),
        parents: meshParents(parentRefs, known.namespace),
        rules: rules.map(({ matches = [] }): readonly AnyMatch[] => (matches.length > 0 ? matches : [{}])),
      };
    })
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));

/** Routes by each of their parents, in the order in which they stand. */
function byParent<E extends Entry>(routes: readonly Route<E>[]): ReadonlyMap<string, readonly Route<E>[]> {
  const found = new Map<string, Route<E>[]>();
  for (const route of routes) {
    for (const key of new Set(route.parents.map((parent) => parent.key))) {
      const others = found.get(key);
      if (others === undefined) found.set(key, [route]);
      else others.push(route);
    }
  }
  return found;
}

/** The routes that hang on a parent of a route, itself where it is among them; a reference without a port is to all of them. */
function rivalsOf<E extends Entry>(
  { parents }: Route<E>,
  ofParent: ReadonlyMap<string, readonly Route<E>[]>,
): Route<E>[] {
  const isSame = (one: Parent, other: Parent): boolean =>
    one.key === other.key && (one.port === other.port || one.port === undefined || other.port === undefined);
  const rivals = parents.flatMap((parent) =>
    (ofParent.get(parent.key) ?? []).filter((other) => other.parents.some((one) => isSame(one, parent))),
  );
  return parents.length > 1 ? [...new Set(rivals)].sort((a, b) => (a.name < b.name ? -1 : 1)) : rivals;
}

/** The first match that is looked at before another, and fits all that the other does. Of equals the first by name is first. */
function firstTaker(
  routes: readonly Route<Entry>[],
  own: Route<Entry>,
  ownRule: number,
  ownMatch: number,
  match: AnyMatch,
): string | undefined {
  let isBefore = true;
  for (const route of routes) {
    for (const [index, matches] of route.rules.entries()) {
      for (const [at, other] of matches.entries()) {
        if (route === own && index === ownRule && at === ownMatch) {
          isBefore = false;
          continue;
        }
        if (takesAllOf(other, match, isBefore)) {
          return `rules[${index}]${route === own ? '' : ` of ${nameOf(route.entry.manifest)}`}`;
        }
      }
    }
  }
  return undefined;
}
