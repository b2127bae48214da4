import { patternProblem } from '../contract/pattern.ts';
import { headerValueProblem, longestHeaderName, longestHeaderValue, longestPath } from '../contract/route-filters.ts';
import type { GrpcRouteMatch, HttpRouteMatch, NamedMatch } from '../kinds/route-object.ts';
import { check, filled, refuse } from './checks.ts';

/** Methods that a rule can tell apart. */
export type HttpMethod = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE' | 'CONNECT' | 'OPTIONS' | 'TRACE' | 'PATCH';

const methods: readonly HttpMethod[] = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'];
const mostNamed = 16;

interface Conditions {
  readonly path?: HttpRouteMatch['path'];
  readonly method?: string;
  readonly grpc?: GrpcRouteMatch['method'];
  readonly headers: readonly NamedMatch[];
  readonly query: readonly NamedMatch[];
}

/**
 * Which requests a rule is for. Conditions are added one to another, and all of them must hold:
 *
 * ```ts
 * Match.pathPrefix('/v2').method('GET').header('x-stage', 'next')
 * ```
 *
 * Of several rules that fit a request, the one with the exact path has it, then that with the longest prefix, then a
 * pattern, then what names the method, then the most headers, then the most query parameters, then the earlier one.
 */
export class Match {
  /** Requests of this path alone, whatever their query. */
  static path(path: string): Match {
    return Match.any().path(path);
  }

  /** Requests of this path and all beneath it: `/v2` is for `/v2` and `/v2/items`, and not for `/v20`. */
  static pathPrefix(path: string): Match {
    return Match.any().pathPrefix(path);
  }

  /** Requests whose whole path, without its query, fits a regular expression that is matched in linear time. */
  static pathRegex(pattern: string): Match {
    return Match.any().pathRegex(pattern);
  }

  /** Requests with a header of exactly this value. */
  static header(name: string, value: string): Match {
    return Match.any().header(name, value);
  }

  /** Requests with a header whose whole value fits a regular expression. */
  static headerRegex(name: string, pattern: string): Match {
    return Match.any().headerRegex(name, pattern);
  }

  /** Requests with a query parameter of exactly this value. Not for gRPC. */
  static query(name: string, value: string): Match {
    return Match.any().query(name, value);
  }

  /** Requests with a query parameter whose whole value fits a regular expression. Not for gRPC. */
  static queryRegex(name: string, pattern: string): Match {
    return Match.any().queryRegex(name, pattern);
  }

  /** Requests with this method. Not for gRPC: there it is always POST. */
  static method(method: HttpMethod): Match {
    return Match.any().method(method);
  }

  /** Calls of a gRPC service (`emojivoto.v1.VotingService`), of one method of it or of all. Of a GrpcRoute alone. */
  static grpcMethod(service: string, method?: string): Match {
    return Match.any().grpcMethod(service, method);
  }

  /** All requests. */
  static any(): Match {
    return new Match({ headers: [], query: [] });
  }

  private readonly conditions: Conditions;

  private constructor(conditions: Conditions) {
    this.conditions = conditions;
  }

  /** As `Match.path`, too. */
  path(path: string): Match {
    return this.withPath('Exact', absolute('path', path));
  }

  /** As `Match.pathPrefix`, too. */
  pathPrefix(path: string): Match {
    return this.withPath('PathPrefix', absolute('pathPrefix', path));
  }

  /** As `Match.pathRegex`, too. */
  pathRegex(pattern: string): Match {
    checkText('pathRegex', pattern);
    if (pattern.length > longestPath) refuse('pathRegex', pattern, `must not be longer than ${longestPath} characters`);
    return this.withPath('RegularExpression', regex('pathRegex', pattern));
  }

  /** As `Match.header`, too. */
  header(name: string, value: string): Match {
    checkText('header', name);
    sized(`header ${name}`, value);
    check(`header ${name}`, value, headerValueProblem(value));
    return this.withHeader({ name, value });
  }

  /** As `Match.headerRegex`, too. */
  headerRegex(name: string, pattern: string): Match {
    checkText('headerRegex', name);
    const value = sized(`headerRegex ${name}`, regex(`headerRegex ${name}`, pattern));
    return this.withHeader({ type: 'RegularExpression', name, value });
  }

  /** As `Match.query`, too. */
  query(name: string, value: string): Match {
    checkText('query', name);
    return this.withQuery({ name, value: sized(`query ${name}`, value) });
  }

  /** As `Match.queryRegex`, too. */
  queryRegex(name: string, pattern: string): Match {
    checkText('queryRegex', name);
    const value = sized(`queryRegex ${name}`, regex(`queryRegex ${name}`, pattern));
    return this.withQuery({ type: 'RegularExpression', name, value });
  }

  /** As `Match.method`, too. */
  method(method: HttpMethod): Match {
    if (!methods.includes(method)) refuse('method', method, `must be one of ${methods.join(', ')}`);
    if (this.conditions.method !== undefined) refuse('method', method, onlyOnce(this.conditions.method));
    return new Match({ ...this.conditions, method });
  }

  /** As `Match.grpcMethod`, too. */
  grpcMethod(service: string, method?: string): Match {
    checkText('grpcMethod', service);
    if (method !== undefined) checkText('grpcMethod', method);
    const { grpc } = this.conditions;
    if (grpc !== undefined) refuse('grpcMethod', service, onlyOnce(String(grpc.service)));
    if (!/^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$/.test(service) || service.length > 1024) {
      refuse('grpcMethod', service, "must name a service with its package: 'emojivoto.v1.VotingService'");
    }
    if (method !== undefined && (!/^[A-Za-z_]\w*$/.test(method) || method.length > 1024)) {
      refuse('grpcMethod', method, "must be the name of a method, without its service: 'Vote'");
    }
    return new Match({ ...this.conditions, grpc: filled({ service, method }) });
  }

  /** Whether its path is a prefix, as it is where none is asked for. @internal */
  get _hasPrefix(): boolean {
    return (this.conditions.path?.type ?? 'PathPrefix') === 'PathPrefix';
  }

  /** As an HTTPRoute has it. Throws for what a gRPC call alone has. @internal */
  _http(): HttpRouteMatch {
    const { path, method, grpc, headers, query } = this.conditions;
    if (grpc !== undefined) {
      refuse('grpcMethod', grpc.service, 'must stand in a GrpcRoute: an HttpRoute matches by path');
    }
    return filled({ path, headers, queryParams: query, method });
  }

  /** As a GRPCRoute has it. Throws for what is not of gRPC. @internal */
  _grpc(): GrpcRouteMatch {
    const { path, method, grpc, headers, query } = this.conditions;
    if (path !== undefined) refuse('path', path.value, 'must stand in an HttpRoute: use Match.grpcMethod for gRPC');
    if (method !== undefined) refuse('method', method, 'must stand in an HttpRoute: use Match.grpcMethod for gRPC');
    if (query.length > 0) refuse('query', query[0].name, 'must stand in an HttpRoute: calls of gRPC have no query');
    return filled({ method: grpc, headers });
  }

  private withPath(type: 'Exact' | 'PathPrefix' | 'RegularExpression', value: string): Match {
    const { path } = this.conditions;
    if (path !== undefined) refuse('path', value, onlyOnce(String(path.value)));
    return new Match({ ...this.conditions, path: { type, value } });
  }

  private withHeader(header: NamedMatch): Match {
    const { name } = header;
    if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name) || name.length > longestHeaderName) {
      refuse('header', name, `must be a header name of at most ${longestHeaderName} characters`);
    }
    const headers = added(this.conditions.headers, header, 'header', (each) => each.toLowerCase());
    return new Match({ ...this.conditions, headers });
  }

  private withQuery(parameter: NamedMatch): Match {
    const { name } = parameter;
    if (name === '' || name.length > longestHeaderName) {
      refuse('query', name, `must name a parameter in at most ${longestHeaderName} characters`);
    }
    return new Match({ ...this.conditions, query: added(this.conditions.query, parameter, 'query', (each) => each) });
  }
}

function added(
  list: readonly NamedMatch[],
  item: NamedMatch,
  what: string,
  fold: (name: string) => string,
): readonly NamedMatch[] {
  if (list.some(({ name }) => fold(name) === fold(item.name))) {
    refuse(what, item.name, 'must not be asked for twice: use one regular expression for several values');
  }
  if (list.length === mostNamed) refuse(what, item.name, `must not be one of more than ${mostNamed}: leave some out`);
  return [...list, item];
}

function absolute(name: string, path: string): string {
  checkText(name, path);
  if (!path.startsWith('/')) refuse(name, path, "must be an absolute path: it begins with '/'");
  if (path.length > longestPath) refuse(name, path, `must not be longer than ${longestPath} characters`);
  if (/\/\/|\/\.\.?(\/|$)|%2f|#|\?/i.test(path)) {
    refuse(name, path, "must be a path as it is when it is read: without '//', '/./', '/../', '%2f', '?' and '#'");
  }
  return path;
}

function regex(name: string, pattern: string): string {
  checkText(name, pattern);
  const problem = patternProblem(pattern);
  if (problem !== undefined) refuse(name, pattern, `must be a regular expression that proxies match by: ${problem}`);
  return pattern;
}

function sized(name: string, value: string): string {
  checkText(name, value);
  if (value === '' || value.length > longestHeaderValue) {
    refuse(name, value, `must have a value of at most ${longestHeaderValue} characters`);
  }
  return value;
}

function checkText(name: string, value: string): void {
  if (typeof value !== 'string') refuse(name, value, 'must be a text');
}

const onlyOnce = (other: string): string => `must not be asked for beside ${other}: a rule can have several matches`;
