import type { GrpcRouteMatch, HttpRouteMatch, NamedMatch } from '../kinds/route-object.ts';

/** A match of a rule, of either kind of route. */
export type AnyMatch = Omit<HttpRouteMatch, 'method'> & {
  readonly method?: HttpRouteMatch['method'] | GrpcRouteMatch['method'];
};

type Path = { readonly kind: 'exact' | 'prefix' | 'regex' | 'all'; readonly value: string };

/**
 * Whether no request that fits `narrow` ever comes to it, since `wide` is looked at before it and fits them too. `isFirst`:
 * of the two, `wide` comes first where they are equals.
 */
export function takesAllOf(wide: AnyMatch, narrow: AnyMatch, isFirst: boolean): boolean {
  const [one, other] = [rankOf(wide), rankOf(narrow)];
  const at = one.findIndex((value, index) => value !== other[index]);
  return (at < 0 ? isFirst : one[at] > other[at]) && covers(wide, narrow);
}

const anything = /^\/?\.[*+]$/;

/** As proxies order matches: exact paths, the longest prefix, patterns, then method, headers, parameters of the query. */
function rankOf(match: AnyMatch): number[] {
  const { kind, value } = pathOf(match);
  const { method, headers = [], queryParams = [] } = match;
  const isNamed = typeof method === 'string';
  return [
    kind === 'exact' ? 2 : kind === 'prefix' ? 1 : 0,
    kind === 'exact' || kind === 'prefix' ? value.length : 0,
    kind === 'regex' ? 1 : 0,
    isNamed ? 1 : 0,
    headers.length,
    queryParams.length,
  ];
}

function covers(wide: AnyMatch, narrow: AnyMatch): boolean {
  return (
    coversPath(pathOf(wide), pathOf(narrow)) &&
    (typeof wide.method !== 'string' || wide.method === narrow.method) &&
    coversNamed(wide.headers, narrow.headers, (name) => name.toLowerCase()) &&
    coversNamed(wide.queryParams, narrow.queryParams, (name) => name)
  );
}

/** Calls of gRPC are requests of a path `/service/method`. */
function pathOf({ path, method }: AnyMatch): Path {
  if (typeof method === 'object') {
    const { service, method: name } = method;
    if (service && name) return { kind: 'exact', value: `/${service}/${name}` };
    if (service) return { kind: 'prefix', value: `/${service}` };
    return name ? { kind: 'regex', value: `/[^/]+/${name}` } : { kind: 'all', value: '' };
  }
  const { type = 'PathPrefix', value = '/' } = path ?? {};
  if (type === 'RegularExpression') return { kind: 'regex', value };
  if (type === 'Exact') return { kind: 'exact', value };
  const prefix = value.replace(/\/$/, '');
  return { kind: prefix === '' ? 'all' : 'prefix', value: prefix };
}

function coversPath(wide: Path, narrow: Path): boolean {
  if (wide.kind === 'all' || (wide.kind === narrow.kind && wide.value === narrow.value)) return true;
  if (wide.kind === 'regex') return anything.test(wide.value);
  const isBeneath = narrow.value === wide.value || narrow.value.startsWith(`${wide.value}/`);
  return wide.kind === 'prefix' && (narrow.kind === 'exact' || narrow.kind === 'prefix') && isBeneath;
}

/** Each condition is one of the narrower match, too. */
function coversNamed(
  wide: readonly NamedMatch[] = [],
  narrow: readonly NamedMatch[] = [],
  fold: (name: string) => string,
): boolean {
  return wide.every((one) =>
    narrow.some(
      (other) =>
        fold(one.name) === fold(other.name) &&
        ((one.value === other.value && (one.type ?? 'Exact') === (other.type ?? 'Exact')) ||
          (one.type === 'RegularExpression' && /^\.[*+]$/.test(one.value))),
    ),
  );
}
