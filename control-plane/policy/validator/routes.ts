import type { z } from 'zod';
import { goDurationMs } from '../../../lib/contract/durations.ts';
import { patternProblem } from '../../../lib/contract/pattern.ts';
import { isKind } from '../routes/references.ts';
import { trafficSettings } from '../traffic-settings.ts';
import type { Problems } from './problems.ts';
import { policyGroup } from './references.ts';
import {
  type BackendRefShape,
  type FilterShape,
  type GrpcMatchShape,
  grpcRouteShape,
  type HeaderModifierShape,
  type HttpMatchShape,
  httpRouteShape,
  type NamedMatchShape,
  type ParentRefShape,
  tcpRouteShape,
} from './route-shapes.ts';

type Annotations = Readonly<Record<string, string>>;

/** HTTPRoute of policy.linkerd.io. */
export function checkPolicyHttpRoute(spec: unknown, annotations: Annotations, problems: Problems): void {
  const route = problems.parse(httpRouteShape, spec, 'spec');
  if (route === undefined) return;
  checkParents(route.parentRefs ?? [], problems);
  checkAnnotations(route.parentRefs ?? [], annotations, 'http', problems);
  for (const [index, rule] of (route.rules ?? []).entries()) {
    const path = `spec.rules[${index}]`;
    checkHttpRule(rule, path, problems);
    checkTimeouts(rule.timeouts?.request, rule.timeouts?.backendRequest, `${path}.timeouts`, problems);
  }
}

/** HTTPRoute of the Gateway API. One of another shape than is known here is admitted: other controllers own it too. */
export function checkGatewayHttpRoute(spec: unknown, annotations: Annotations, problems: Problems): void {
  const { success, data: route } = httpRouteShape.safeParse(spec);
  if (!success) return;
  checkParents(route.parentRefs ?? [], problems);
  checkAnnotations(route.parentRefs ?? [], annotations, 'http', problems);
  for (const [index, rule] of (route.rules ?? []).entries()) {
    checkHttpRule(rule, `spec.rules[${index}]`, problems);
    checkBackends(rule.backendRefs ?? [], `spec.rules[${index}]`, problems);
  }
}

export function checkGrpcRoute(spec: unknown, annotations: Annotations, problems: Problems): void {
  const { success, data: route } = grpcRouteShape.safeParse(spec);
  if (!success) return;
  checkParents(route.parentRefs ?? [], problems);
  checkAnnotations(route.parentRefs ?? [], annotations, 'grpc', problems);
  for (const [index, rule] of (route.rules ?? []).entries()) {
    const path = `spec.rules[${index}]`;
    for (const [at, match] of (rule.matches ?? []).entries()) checkGrpcMatch(match, `${path}.matches[${at}]`, problems);
    checkFilters(rule.filters ?? [], path, problems);
    checkBackends(rule.backendRefs ?? [], path, problems);
  }
}

/** TLSRoute and TCPRoute. */
export function checkTcpRoute(spec: unknown, problems: Problems): void {
  const { success, data: route } = tcpRouteShape.safeParse(spec);
  if (!success) return;
  checkParents(route.parentRefs ?? [], problems);
  if (route.rules.length !== 1) problems.add('spec.rules', 'must have exactly one rule', route.rules.length);
}

function checkParents(parents: readonly ParentRefShape[], problems: Problems): void {
  for (const [index, parent] of parents.entries()) {
    if (!isKind(parent, policyGroup, 'EgressNetwork') || parent.port != null) continue;
    problems.add(`spec.parentRefs[${index}].port`, 'must be set: the parent is an EgressNetwork');
  }
}

/** Annotations hold for traffic to Services and EgressNetworks; on a route they must be right. */
function checkAnnotations(
  parents: readonly ParentRefShape[],
  annotations: Annotations,
  protocol: 'http' | 'grpc',
  problems: Problems,
): void {
  const outbound = parents.some(
    (parent) => isKind(parent, '', 'Service') || isKind(parent, policyGroup, 'EgressNetwork'),
  );
  if (!outbound) return;
  const other = protocol === 'http' ? 'retry.linkerd.io/grpc' : 'retry.linkerd.io/http';
  const told = new Set<string>();
  trafficSettings(annotations, (annotation, value, rule) => {
    if (annotation === other || told.has(annotation)) return;
    told.add(annotation);
    problems.add(`metadata.annotations['${annotation}']`, rule, value);
  });
}

type HttpRule = NonNullable<z.output<typeof httpRouteShape>['rules']>[number];

function checkHttpRule(rule: HttpRule, path: string, problems: Problems): void {
  for (const [at, match] of (rule.matches ?? []).entries()) checkHttpMatch(match, `${path}.matches[${at}]`, problems);
  checkFilters(rule.filters ?? [], path, problems);
}

function checkHttpMatch(match: HttpMatchShape, path: string, problems: Problems): void {
  const { type, value } = match.path ?? {};
  if (type === 'RegularExpression') checkPattern(value ?? '/', `${path}.path.value`, problems);
  else checkAbsolute(value ?? '/', `${path}.path.value`, problems);
  checkHeaderMatches(match.headers ?? [], `${path}.headers`, problems);
  for (const [at, query] of (match.queryParams ?? []).entries()) {
    if (query.type === 'RegularExpression') checkPattern(query.value, `${path}.queryParams[${at}].value`, problems);
  }
}

function checkGrpcMatch(match: GrpcMatchShape, path: string, problems: Problems): void {
  const { method } = match;
  if (method != null) {
    if (method.type === 'RegularExpression') problems.add(`${path}.method.type`, 'must be Exact', method.type);
    if (!method.service && !method.method) problems.add(`${path}.method`, 'must name a service or a method');
  }
  checkHeaderMatches(match.headers ?? [], `${path}.headers`, problems);
}

function checkHeaderMatches(headers: readonly NamedMatchShape[], path: string, problems: Problems): void {
  for (const [at, { type, name, value }] of headers.entries()) {
    checkHeaderName(name, `${path}[${at}].name`, problems);
    if (type === 'RegularExpression') checkPattern(value, `${path}[${at}].value`, problems);
    else checkHeaderValue(value, `${path}[${at}].value`, problems);
  }
}

function checkFilters(filters: readonly FilterShape[], path: string, problems: Problems): void {
  for (const [at, filter] of filters.entries()) {
    const here = `${path}.filters[${at}]`;
    if (filter.requestHeaderModifier != null) {
      checkModifier(filter.requestHeaderModifier, `${here}.requestHeaderModifier`, problems);
    }
    if (filter.responseHeaderModifier != null) {
      checkModifier(filter.responseHeaderModifier, `${here}.responseHeaderModifier`, problems);
    }
    const redirect = filter.requestRedirect;
    if (redirect == null) continue;
    if (redirect.path != null) {
      const replaced = redirect.path.replaceFullPath ?? redirect.path.replacePrefixMatch;
      const field = redirect.path.replaceFullPath == null ? 'replacePrefixMatch' : 'replaceFullPath';
      if (replaced == null) {
        problems.add(`${here}.requestRedirect.path`, 'must have replaceFullPath or replacePrefixMatch');
      } else checkAbsolute(replaced, `${here}.requestRedirect.path.${field}`, problems);
    }
    const code = redirect.statusCode;
    if (code != null && (code < 100 || code > 999)) {
      problems.add(`${here}.requestRedirect.statusCode`, 'must be an HTTP status such as 302', code);
    }
  }
}

function checkModifier(modifier: HeaderModifierShape, path: string, problems: Problems): void {
  for (const list of ['add', 'set'] as const) {
    for (const [at, { name, value }] of (modifier[list] ?? []).entries()) {
      checkHeaderName(name, `${path}.${list}[${at}].name`, problems);
      checkHeaderValue(value, `${path}.${list}[${at}].value`, problems);
    }
  }
  for (const [at, name] of (modifier.remove ?? []).entries()) checkHeaderName(name, `${path}.remove[${at}]`, problems);
}

function checkBackends(backends: readonly BackendRefShape[], path: string, problems: Problems): void {
  for (const [at, backend] of backends.entries()) {
    const service = isKind({ group: backend.group, kind: backend.kind ?? 'Service' }, '', 'Service');
    if (service && !backend.port)
      problems.add(`${path}.backendRefs[${at}].port`, 'must be set: the backend is a Service');
  }
}

function checkTimeouts(
  request: string | null | undefined,
  backendRequest: string | null | undefined,
  path: string,
  problems: Problems,
): void {
  const read = (text: string | null | undefined, field: string): number | undefined => {
    if (text == null) return undefined;
    const ms = goDurationMs.read(text);
    if (ms === undefined) problems.add(`${path}.${field}`, 'must be a duration such as 10s or 1h30m', text);
    else if (ms < 0) problems.add(`${path}.${field}`, 'must not be negative', text);
    return ms;
  };
  const requestMs = read(request, 'request');
  const backendMs = read(backendRequest, 'backendRequest');
  if (requestMs !== undefined && backendMs !== undefined && backendMs > requestMs) {
    problems.add(`${path}.backendRequest`, `must not be longer than the request timeout (${request})`, backendRequest);
  }
}

function checkAbsolute(path: string, at: string, problems: Problems): void {
  if (!path.startsWith('/')) problems.add(at, 'must be an absolute path: it begins with /', path);
}

function checkHeaderName(name: string, at: string, problems: Problems): void {
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) problems.add(at, 'must be a header name', name);
}

function checkHeaderValue(value: string, at: string, problems: Problems): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what a header must not have.
  if (/[\x00-\x08\x0a-\x1f\x7f]/.test(value)) problems.add(at, 'must have no control characters', value);
}

function checkPattern(pattern: string, at: string, problems: Problems): void {
  const problem = patternProblem(pattern);
  if (problem !== undefined) problems.add(at, `must be a regular expression that proxies match by: ${problem}`);
}
