import type { HostMatch, NamedMatch, PathMatch, RouteEntry } from './route-table.ts';

/** What is asked of a request, for people. */
export interface DescribedMatch {
  readonly host?: string | undefined;
  readonly path?: string | undefined;
  readonly method?: string | undefined;
  readonly headers?: readonly string[] | undefined;
  readonly query?: readonly string[] | undefined;
  /** Something of it could not be read: what fits all else has no route. */
  readonly unread?: true | undefined;
}

/** Undefined members are not asked. */
export function describeMatch({ host, match }: Pick<RouteEntry<unknown>, 'host' | 'match'>): DescribedMatch {
  const { path, method, headers, queryParams, unread } = match;
  return {
    host: host && describeHost(host),
    path: path && describePath(path),
    method,
    headers: describeNamed(headers, ': '),
    query: describeNamed(queryParams, '='),
    unread: unread ? true : undefined,
  };
}

const describeHost = ({ kind, value }: HostMatch): string => (kind === 'suffix' ? `*${value}` : value);

function describePath(path: PathMatch): string {
  if (path.kind === 'unread') return 'cannot be read';
  if (path.kind === 'regex') return `fits ${path.value.text}`;
  return path.kind === 'exact' ? path.value : `${path.value}/*`;
}

const describeNamed = (matches: readonly NamedMatch[], between: string): readonly string[] | undefined =>
  matches.length === 0 ? undefined : matches.map(({ name, value }) => `${name}${between}${describeValue(value)}`);

function describeValue(value: NamedMatch['value']): string {
  if (value === undefined) return 'cannot be read';
  return typeof value === 'string' ? value : `fits ${value.text}`;
}
