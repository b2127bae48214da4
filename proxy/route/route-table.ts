import { fieldValue } from '../wire/field.ts';
import type { RequestHead } from '../wire/stream.ts';
import type { Pattern } from './pattern.ts';

export type PathMatch =
  /** `value` has no query; that of a prefix has no slash at its end, and an empty one matches every path. */
  | { readonly kind: 'exact' | 'prefix'; readonly value: string }
  | { readonly kind: 'regex'; readonly value: Pattern }
  | { readonly kind: 'unread' };

/** `name` is in lower case for a header. */
export interface NamedMatch {
  readonly name: string;
  /** `undefined`: it could not be read. */
  readonly value: string | Pattern | undefined;
}

/** In lower case. `suffix` begins with a dot and takes at least one label before it. */
export type HostMatch = { readonly kind: 'exact' | 'suffix'; readonly value: string };

/** All that is set must hold. */
export interface RequestMatch {
  readonly path: PathMatch | undefined;
  readonly method: string | undefined;
  readonly headers: readonly NamedMatch[];
  readonly queryParams: readonly NamedMatch[];
  /**
   * A condition could not be read: a pattern that cannot be told in linear time, say, or a kind that is not known. A
   * request that fits all others has no route: it is neither let through by this match, nor by a laxer one behind it.
   */
  readonly unread?: boolean;
}

export interface Route<Plan> {
  /** What is done with its requests. */
  readonly plan: Plan;
  /** Any of them; every host, when there is none. */
  readonly hosts: readonly HostMatch[];
  /** Any of them. */
  readonly matches: readonly RequestMatch[];
}

/** One of the ways in which a request finds its plan. */
export interface RouteEntry<Plan> {
  readonly plan: Plan;
  /** Undefined for every host. */
  readonly host: HostMatch | undefined;
  readonly match: RequestMatch;
}

interface Candidate<Plan> extends RouteEntry<Plan> {
  /** Its path as `foldPath` has paths. */
  readonly folded: PathMatch | undefined;
  readonly rank: number;
}

/**
 * Finds the route of a request (Gateway API, HTTPRouteRule): the most specific host wins, then an exact path before the
 * longest prefix before a pattern, then what names the method, then the most headers, then the most query parameters,
 * then the earlier one.
 *
 * That order does not depend on the request, so the matches are sorted once and the first that fits is the answer. A
 * match by host, header, query or pattern costs allocations; one by plain path and method does not.
 */
export class RouteTable<Plan> {
  private readonly candidates: readonly Candidate<Plan>[];
  private readonly byHost: boolean;
  /** The route of a request may depend on its path. */
  readonly byPath: boolean;
  /** Or on its method. */
  readonly byMethod: boolean;
  /** A path means something else to it than its folded form, so that each request's is to be folded, too. */
  readonly byCase: boolean;

  private readonly routes: readonly Route<Plan>[];

  constructor(routes: readonly Route<Plan>[]) {
    this.routes = routes;
    this.candidates = routes
      .flatMap(({ plan, hosts, matches }) =>
        matches.flatMap((match) =>
          (hosts.length === 0 ? [undefined] : hosts).map((host) => ({
            plan,
            host,
            match,
            folded: folded(match.path),
            rank: rankOf(host, match),
          })),
        ),
      )
      .sort((a, b) => b.rank - a.rank);
    this.byPath = this.candidates.some(({ match: { path } }) => path !== undefined && !isEverything(path));
    this.byMethod = this.candidates.some(({ match: { method } }) => method !== undefined);
    this.byCase = this.candidates.some(({ match: { path }, folded }) => !isSamePath(path, folded));
    this.byHost = this.candidates.some(({ host }) => host !== undefined);
  }

  /** The plan of a table in which nothing is asked: whatever comes has it. Undefined when there is more to it. */
  get only(): Plan | undefined {
    const [first, ...others] = this.candidates;
    if (first === undefined || others.length > 0 || first.host !== undefined || !isAny(first.match)) return undefined;
    return first.plan;
  }

  /** What is asked of requests, in the order in which it is looked at. */
  *entries(): Iterable<RouteEntry<Plan>> {
    for (const { plan, host, match } of this.candidates) yield { plan, host, match };
  }

  /** The same table with other plans. `planOf` is asked once for each. */
  map<Other>(planOf: (plan: Plan) => Other): RouteTable<Other> {
    const known = new Map<Plan, Other>();
    return new RouteTable(
      this.routes.map((route) => {
        const plan = known.get(route.plan) ?? planOf(route.plan);
        known.set(route.plan, plan);
        return { ...route, plan };
      }),
    );
  }

  /**
   * Undefined when no route fits, or when that cannot be told. A CONNECT has no path, and asks for a tunnel in which no
   * route is looked for any more: only a match that names the method is meant for it.
   *
   * `foldedPath` is the path as `foldPath` has it, for an application that reads paths so; no less fits then.
   */
  find(head: RequestHead, foldedPath?: string): Plan | undefined {
    const { candidates } = this;
    const tunnel = asksForTunnel(head);
    const host = this.byHost ? hostOf(head.authority) : '';
    for (let i = 0; i < candidates.length; i++) {
      const candidate = candidates[i];
      if (tunnel && candidate.match.method === undefined) continue;
      if (candidate.host !== undefined && !fitsHost(candidate.host, host)) continue;
      const path = foldedPath === undefined ? candidate.match.path : candidate.folded;
      if (fits(candidate.match, path, head, foldedPath ?? head.path))
        return candidate.match.unread ? undefined : candidate.plan;
    }
    return undefined;
  }
}

/**
 * A path as applications have it that know no upper case and no slash at its end, as those of ASP.NET, Express and Rails:
 * without its query.
 */
export function foldPath(path: string): string {
  const lower = path.split('?', 1)[0].toLowerCase();
  let end = lower.length;
  while (end > 1 && lower.charCodeAt(end - 1) === slash) end--;
  return lower.slice(0, end);
}

/** Patterns are asked for the path in either form. */
function folded(path: PathMatch | undefined): PathMatch | undefined {
  if (path?.kind !== 'exact' && path?.kind !== 'prefix') return path;
  return path.value === '' ? path : { kind: path.kind, value: foldPath(path.value) };
}

const isSamePath = (a: PathMatch | undefined, b: PathMatch | undefined): boolean =>
  a === b || (a?.kind === 'exact' || a?.kind === 'prefix' ? a.value === (b as typeof a).value : false);

/** CONNECT, but for that of RFC 8441, which opens a stream of its own and takes nothing else with it. */
export const asksForTunnel = ({ method, upgrade }: RequestHead): boolean =>
  method === 'CONNECT' && upgrade === undefined;

const isAny = ({ path, method, headers, queryParams, unread }: RequestMatch): boolean =>
  (path === undefined || isEverything(path)) &&
  method === undefined &&
  headers.length + queryParams.length === 0 &&
  unread !== true;

const isEverything = (path: PathMatch): boolean => path.kind === 'prefix' && path.value === '';

const questionMark = 0x3f;
const slash = 0x2f;
const maxPathLength = 0xffff;
const maxCount = 63;

function rankOf(host: HostMatch | undefined, { path, method, headers, queryParams }: RequestMatch): number {
  const byHost = host === undefined ? 0 : (host.kind === 'exact' ? 512 : 0) + 1 + Math.min(host.value.length, 255);
  // What every path fits says no more than nothing, which the API server writes as the prefix `/`.
  const asked = path === undefined || isEverything(path) ? undefined : path;
  const isPlain = asked?.kind === 'exact' || asked?.kind === 'prefix';
  const byPath = !isPlain ? 0 : asked.kind === 'prefix' ? 1 : 2;
  const length = isPlain ? Math.min(asked.value.length, maxPathLength) : 0;
  // A pattern says more than that.
  const pattern = asked === undefined || isPlain ? 0 : 1;
  return [
    [byPath, 3],
    [length, maxPathLength + 1],
    [pattern, 2],
    [method === undefined ? 0 : 1, 2],
    [Math.min(headers.length, maxCount), maxCount + 1],
    [Math.min(queryParams.length, maxCount), maxCount + 1],
  ].reduce((rank, [value, size]) => rank * size + value, byHost);
}

/** Whether a match fits, of which `path` is looked for at `at`. */
function fits(match: RequestMatch, path: PathMatch | undefined, head: RequestHead, at: string): boolean {
  if (match.method !== undefined && match.method !== head.method) return false;
  if (path !== undefined && !(fitsPath(path, at) || asksForTunnel(head))) {
    if (path.kind !== 'regex' || !fitsPath(path, head.path)) return false;
  }
  if (match.headers.length > 0 && !match.headers.every((header) => fitsHeader(header, head))) return false;
  return match.queryParams.length === 0 || fitsQuery(match.queryParams, head.path);
}

function fitsPath(match: PathMatch, path: string): boolean {
  if (match.kind === 'unread') return true;
  if (match.kind === 'regex') return match.value.test(path.split('?', 1)[0]);
  const { value } = match;
  if (value === '' && match.kind === 'prefix') return true;
  if (!path.startsWith(value)) return false;
  if (path.length === value.length) return true;
  const next = path.charCodeAt(value.length);
  return next === questionMark || (next === slash && match.kind === 'prefix');
}

/** One of several fields of a name is enough. */
function fitsHeader({ name, value }: NamedMatch, { fields, authority }: RequestHead): boolean {
  if (value === undefined) return true;
  // A codec takes the field into the head.
  if (name === 'host') return fitsValue(value, fieldValue(fields, name) ?? authority);
  for (let i = 0; i < fields.length; i++) if (fields[i].name === name && fitsValue(value, fields[i].value)) return true;
  return false;
}

function fitsQuery(matches: readonly NamedMatch[], path: string): boolean {
  const query = path.indexOf('?');
  const params = new URLSearchParams(query < 0 ? '' : path.slice(query));
  return matches.every(
    ({ name, value }) => value === undefined || params.getAll(name).some((each) => fitsValue(value, each)),
  );
}

function fitsValue(expected: string | Pattern, value: string): boolean {
  return typeof expected === 'string' ? expected === value : expected.test(value);
}

/** The name in an authority, in lower case, without port and final dot. */
function hostOf(authority: string): string {
  const end = authority.startsWith('[') ? authority.indexOf(']') + 1 : authority.indexOf(':');
  const host = (end > 0 ? authority.slice(0, end) : authority).toLowerCase();
  return host.endsWith('.') ? host.slice(0, -1) : host;
}

function fitsHost({ kind, value }: HostMatch, host: string): boolean {
  return kind === 'exact' ? host === value : host.length > value.length && host.endsWith(value);
}
