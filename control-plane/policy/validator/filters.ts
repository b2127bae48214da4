import {
  corsNameProblem,
  corsOriginProblem,
  headerNameProblem,
  headerValueProblem,
  hostProblem,
  mirrorShareProblem,
  pathProblem,
  redirectStatuses,
} from '../../../lib/contract/route-filters.ts';
import type { Problems } from '../../../lib/kinds/problems.ts';
import type { CorsFilter, HeaderModifier, PathModifier, RouteFilter } from '../../../lib/kinds/route-object.ts';

/**
 * What the filters of a rule or backend say beyond their schema. `hasPrefixes` is whether each match of the rule is by a
 * path prefix.
 */
export function checkFilters(
  filters: readonly RouteFilter[],
  path: string,
  hasPrefixes: boolean,
  problems: Problems,
): void {
  for (const [at, filter] of filters.entries()) {
    const here = `${path}.filters[${at}]`;
    const { requestHeaderModifier, responseHeaderModifier, requestRedirect, urlRewrite, cors, requestMirror } = filter;
    if (requestHeaderModifier != null) checkModifier(requestHeaderModifier, `${here}.requestHeaderModifier`, problems);
    if (responseHeaderModifier != null) {
      checkModifier(responseHeaderModifier, `${here}.responseHeaderModifier`, problems);
    }
    if (requestRedirect != null) {
      const at = `${here}.requestRedirect`;
      checkTarget(requestRedirect, at, hasPrefixes, problems);
      const { statusCode } = requestRedirect;
      if (statusCode != null && !redirectStatuses.includes(statusCode)) {
        problems.add(`${at}.statusCode`, `must be one of ${redirectStatuses.join(', ')}`, statusCode);
      }
    }
    if (urlRewrite != null) {
      const at = `${here}.urlRewrite`;
      checkTarget(urlRewrite, at, hasPrefixes, problems);
      const { replaceFullPath } = urlRewrite.path ?? {};
      if (replaceFullPath?.includes('?')) {
        problems.add(`${at}.path.replaceFullPath`, 'must have no query: that of the request stays', replaceFullPath);
      }
    }
    if (cors != null) checkCors(cors, `${here}.cors`, problems);
    if (requestMirror != null) {
      const problem = mirrorShareProblem(requestMirror);
      if (problem !== undefined) problems.add(`${here}.requestMirror`, problem);
      if (!requestMirror.backendRef.port) {
        problems.add(`${here}.requestMirror.backendRef.port`, 'must be set: copies go to a port of a Service');
      }
    }
  }
  const kinds = filters.map(({ type }) => type);
  if (kinds.includes('RequestRedirect') && kinds.includes('URLRewrite')) {
    problems.add(`${path}.filters`, 'must not have both a RequestRedirect and a URLRewrite');
  }
}

function checkModifier(modifier: HeaderModifier, path: string, problems: Problems): void {
  for (const list of ['add', 'set'] as const) {
    for (const [at, { name, value }] of (modifier[list] ?? []).entries()) {
      told(`${path}.${list}[${at}].name`, headerNameProblem(name), name, problems);
      told(`${path}.${list}[${at}].value`, headerValueProblem(value), value, problems);
    }
  }
  for (const [at, name] of (modifier.remove ?? []).entries()) {
    told(`${path}.remove[${at}]`, headerNameProblem(name), name, problems);
  }
}

/** Where a redirect or rewrite leads to. */
function checkTarget(
  { hostname, path }: { readonly hostname?: string; readonly path?: PathModifier },
  here: string,
  hasPrefixes: boolean,
  problems: Problems,
): void {
  if (hostname != null) told(`${here}.hostname`, hostProblem(hostname), hostname, problems);
  if (path == null) return;
  const { replaceFullPath, replacePrefixMatch } = path;
  if (replaceFullPath != null) {
    told(`${here}.path.replaceFullPath`, pathProblem(replaceFullPath), replaceFullPath, problems);
  } else if (replacePrefixMatch == null) {
    problems.add(`${here}.path`, 'must have replaceFullPath or replacePrefixMatch');
  } else {
    // Nothing in place of a prefix takes it away.
    const problem = replacePrefixMatch === '' ? undefined : pathProblem(replacePrefixMatch);
    told(`${here}.path.replacePrefixMatch`, problem, replacePrefixMatch, problems);
    if (!hasPrefixes) {
      problems.add(`${here}.path.replacePrefixMatch`, 'must stand in a rule whose matches are all of type PathPrefix');
    }
  }
}

function checkCors(cors: CorsFilter, path: string, problems: Problems): void {
  for (const [at, origin] of (cors.allowOrigins ?? []).entries()) {
    told(`${path}.allowOrigins[${at}]`, corsOriginProblem(origin), origin, problems);
  }
  for (const list of ['allowMethods', 'allowHeaders', 'exposeHeaders'] as const) {
    for (const [at, name] of (cors[list] ?? []).entries()) {
      told(`${path}.${list}[${at}]`, corsNameProblem(name), name, problems);
    }
  }
  if (cors.maxAge != null && cors.maxAge < 1) problems.add(`${path}.maxAge`, 'must be at least 1 second', cors.maxAge);
}

function told(path: string, problem: string | undefined, value: string, problems: Problems): void {
  if (problem !== undefined) problems.add(path, problem, value);
}
