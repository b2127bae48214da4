import { backendsAnnotation } from '../../../lib/contract/annotations.ts';
import { parseIp } from '../../../lib/contract/cidr.ts';
import { goDurationMs } from '../../../lib/contract/durations.ts';
import { patternProblem } from '../../../lib/contract/pattern.ts';
import { orderOfBytesProblem, routeSettingProblems } from '../../../lib/contract/traffic-annotations.ts';
import type { Problems } from '../../../lib/kinds/problems.ts';
import type {
  BackendRef,
  BytesRoute,
  GrpcRoute,
  GrpcRouteMatch,
  HttpRoute,
  HttpRouteMatch,
  NamedMatch,
  ParentRef,
  RouteRule,
} from '../../../lib/kinds/route-object.ts';
import { type FieldProblem, fieldAt } from '../routes/field-problem.ts';
import { isKind } from '../routes/references.ts';
import { retryProblems } from '../routes/retries.ts';
import { sessionProblems } from '../routes/sessions.ts';
import { checkFilters } from './filters.ts';
import { policyGroup } from './references.ts';

/**
 * Whether a route hangs on what other controllers know, and on nothing of the mesh: Gateways, with patterns and backends of
 * their own. One without parents may get some.
 */
export function isForOthers(spec: { readonly parentRefs?: readonly ParentRef[] } | undefined): boolean {
  const parents = spec?.parentRefs ?? [];
  return parents.length > 0 && !parents.some(isOfMesh);
}

const isOfMesh = (parent: ParentRef): boolean => isKind(parent, policyGroup, 'Server') || isOutbound(parent);
const isOutbound = (parent: ParentRef): boolean =>
  isKind(parent, '', 'Service') || isKind(parent, policyGroup, 'EgressNetwork');

/** HTTPRoute of policy.linkerd.io. */
export function checkPolicyHttpRoute(route: HttpRoute, problems: Problems): void {
  checkHttpRoute(route, problems);
  for (const [index, rule] of (route.spec.rules ?? []).entries()) {
    checkTimeouts(rule, `spec.rules[${index}].timeouts`, problems);
  }
}

/** HTTPRoute of the Gateway API. */
export function checkGatewayHttpRoute(route: HttpRoute, problems: Problems): void {
  checkHttpRoute(route, problems);
  for (const [index, rule] of (route.spec.rules ?? []).entries()) {
    checkBackends(rule.backendRefs ?? [], `spec.rules[${index}]`, problems);
    checkSession(rule, `spec.rules[${index}].sessionPersistence`, problems);
    checkRetry(rule, `spec.rules[${index}].retry`, problems);
  }
}

function checkHttpRoute({ metadata, spec }: HttpRoute, problems: Problems): void {
  checkParents(spec.parentRefs ?? [], problems);
  checkAnnotations(spec.parentRefs ?? [], metadata.annotations ?? {}, 'http', problems);
  for (const [index, rule] of (spec.rules ?? []).entries()) {
    const path = `spec.rules[${index}]`;
    for (const [at, match] of (rule.matches ?? []).entries()) checkHttpMatch(match, `${path}.matches[${at}]`, problems);
    const hasPrefixes = (rule.matches ?? []).every((match) => (match.path?.type ?? 'PathPrefix') === 'PathPrefix');
    checkAllFilters(rule, path, hasPrefixes, problems);
  }
}

export function checkGrpcRoute({ metadata, spec }: GrpcRoute, problems: Problems): void {
  checkParents(spec.parentRefs ?? [], problems);
  checkAnnotations(spec.parentRefs ?? [], metadata.annotations ?? {}, 'grpc', problems);
  for (const [index, rule] of (spec.rules ?? []).entries()) {
    const path = `spec.rules[${index}]`;
    for (const [at, match] of (rule.matches ?? []).entries()) checkGrpcMatch(match, `${path}.matches[${at}]`, problems);
    checkAllFilters(rule, path, true, problems);
    checkBackends(rule.backendRefs ?? [], path, problems);
    checkSession(rule, `${path}.sessionPersistence`, problems);
  }
}

/** TCPRoute, and what a TLSRoute has in common with it. */
export function checkBytesRoute({ metadata, spec }: BytesRoute, problems: Problems): void {
  const order = orderOfBytesProblem(metadata.annotations);
  if (order !== undefined) problems.add(`metadata.annotations['${backendsAnnotation}']`, order);
  checkParents(spec.parentRefs ?? [], problems);
  if (spec.rules.length !== 1) problems.add('spec.rules', 'must have exactly one rule', spec.rules.length);
  for (const [index, { backendRefs }] of spec.rules.entries()) {
    checkBackends(backendRefs ?? [], `spec.rules[${index}]`, problems);
  }
}

export function checkTlsRoute(route: BytesRoute, problems: Problems): void {
  checkBytesRoute(route, problems);
  for (const [index, hostname] of (route.spec.hostnames ?? []).entries()) {
    if (isServerName(hostname)) continue;
    problems.add(`spec.hostnames[${index}]`, 'must be a name such as example.com or *.example.com', hostname);
  }
}

/** No address: TLS clients do not ask for one (RFC 6066 section 3). */
const isServerName = (name: string): boolean =>
  /^(\*\.)?([a-z0-9_]([-a-z0-9_]*[a-z0-9_])?\.)*[a-z0-9_]([-a-z0-9_]*[a-z0-9_])?$/i.test(name) &&
  name.length <= 253 &&
  parseIp(name) === undefined;

function checkParents(parents: readonly ParentRef[], problems: Problems): void {
  for (const [index, parent] of parents.entries()) {
    if (!isKind(parent, policyGroup, 'EgressNetwork') || parent.port != null) continue;
    problems.add(`spec.parentRefs[${index}].port`, 'must be set: the parent is an EgressNetwork');
  }
}

/** Most hold for traffic to Services and EgressNetworks; on a route of such they must be right. */
function checkAnnotations(
  parents: readonly ParentRef[],
  annotations: Readonly<Record<string, string>>,
  protocol: 'http' | 'grpc',
  problems: Problems,
): void {
  routeSettingProblems(annotations, protocol, parents.some(isOutbound), (annotation, value, rule) =>
    problems.add(`metadata.annotations['${annotation}']`, rule, value),
  );
}

function checkHttpMatch(match: HttpRouteMatch, path: string, problems: Problems): void {
  const { type, value } = match.path ?? {};
  if (type === 'RegularExpression') checkPattern(value ?? '/', `${path}.path.value`, problems);
  else checkAbsolute(value ?? '/', `${path}.path.value`, problems);
  checkHeaderMatches(match.headers ?? [], `${path}.headers`, problems);
  for (const [at, query] of (match.queryParams ?? []).entries()) {
    if (query.type === 'RegularExpression') checkPattern(query.value, `${path}.queryParams[${at}].value`, problems);
  }
}

function checkGrpcMatch(match: GrpcRouteMatch, path: string, problems: Problems): void {
  const { method } = match;
  if (method != null) {
    if (method.type === 'RegularExpression') problems.add(`${path}.method.type`, 'must be Exact', method.type);
    if (!method.service && !method.method) problems.add(`${path}.method`, 'must name a service or a method');
  }
  checkHeaderMatches(match.headers ?? [], `${path}.headers`, problems);
}

function checkHeaderMatches(headers: readonly NamedMatch[], path: string, problems: Problems): void {
  for (const [at, { type, name, value }] of headers.entries()) {
    checkHeaderName(name, `${path}[${at}].name`, problems);
    if (type === 'RegularExpression') checkPattern(value, `${path}[${at}].value`, problems);
    else checkHeaderValue(value, `${path}[${at}].value`, problems);
  }
}

/** Those of a rule, and of its backends. */
function checkAllFilters(
  { filters, backendRefs }: RouteRule<unknown>,
  path: string,
  hasPrefixes: boolean,
  problems: Problems,
): void {
  checkFilters(filters ?? [], path, hasPrefixes, problems);
  for (const [at, backend] of (backendRefs ?? []).entries()) {
    checkFilters(backend.filters ?? [], `${path}.backendRefs[${at}]`, hasPrefixes, problems);
  }
}

function checkBackends(backends: readonly BackendRef[], path: string, problems: Problems): void {
  for (const [at, backend] of backends.entries()) {
    const service = isKind({ group: backend.group, kind: backend.kind ?? 'Service' }, '', 'Service');
    if (service && !backend.port)
      problems.add(`${path}.backendRefs[${at}].port`, 'must be set: the backend is a Service');
  }
}

function checkSession({ sessionPersistence }: RouteRule<unknown>, path: string, problems: Problems): void {
  if (sessionPersistence != null) addAll(sessionProblems(sessionPersistence), path, problems);
}

function checkRetry({ retry }: RouteRule<unknown>, path: string, problems: Problems): void {
  if (retry != null) addAll(retryProblems(retry), path, problems);
}

function addAll(found: readonly FieldProblem[], path: string, problems: Problems): void {
  for (const problem of found) problems.add(fieldAt(path, problem), problem.must, problem.value);
}

function checkTimeouts({ timeouts }: RouteRule<HttpRouteMatch>, path: string, problems: Problems): void {
  const { request, backendRequest } = timeouts ?? {};
  // Versions that have no timeouts do not say what they are.
  if (typeof request !== 'string' || typeof backendRequest !== 'string') return;
  const requestMs = goDurationMs.read(request);
  const backendMs = goDurationMs.read(backendRequest);
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
