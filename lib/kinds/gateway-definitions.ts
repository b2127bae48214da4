import type { CrdVersion, KindSpec } from './definition.ts';
import { gatewayGrpcRoute } from './gateway-grpc-route.ts';
import { gatewayHttpRoute } from './gateway-http-route.ts';
import { gatewayTcpRoute } from './gateway-tcp-route.ts';
import { gatewayTlsRoute } from './gateway-tls-route.ts';
import { duration, headerName } from './http-route.ts';
import { flag, integer, kubernetesName, list, object, oneOf, portNumber, type Schema, says, text } from './schema.ts';

/** The newest release of the Gateway API whose definitions are known here. */
export const gatewayApiRelease = '1.6';

/** Whether a release is later than that, so that it may have fields and words that are not known here. */
export function isLaterRelease(version: string): boolean {
  const [[major, minor], [ownMajor, ownMinor]] = [version, gatewayApiRelease].map((each) =>
    each.split('.').map(Number),
  );
  return major > ownMajor || (major === ownMajor && minor > ownMinor);
}

/**
 * The routes of the Gateway API as their definitions have them (release 1.6, the experimental channel, which has all that
 * the standard one has). The mesh does not bring these: they are for who checks manifests that no API server has seen.
 */

const subdomain = '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*';
const group = (extra: object = {}): Schema =>
  text({
    maxLength: 253,
    pattern: `^$|^${subdomain}$`,
    [says]: 'must be a group, such as policy.linkerd.io',
    ...extra,
  });
const kind = (extra: object = {}): Schema =>
  text({
    ...{ minLength: 1, maxLength: 63, pattern: '^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$' },
    ...{ [says]: 'must be a kind, such as Service', ...extra },
  });
const namespace = text({
  ...{ minLength: 1, maxLength: 63, pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$' },
  [says]: 'must be the name of a namespace',
});
const name = text({
  ...{ minLength: 1, maxLength: 253, pattern: `^${subdomain}$` },
  [says]: 'must be a name in lower case, such as orders',
});
const host = text({
  ...{ minLength: 1, maxLength: 253, pattern: `^(\\*\\.)?${subdomain}$` },
  [says]: "must be a host in lower case, such as shop.example or '*.shop.example', without a port",
});

const parentRefs = list(
  object({
    group: group({ default: 'gateway.networking.k8s.io' }),
    kind: kind({ default: 'Gateway' }),
    'name*': kubernetesName,
    namespace,
    port: portNumber,
    sectionName: name,
  }),
  { maxItems: 32 },
);

const target = {
  group: group({ default: '' }),
  kind: kind({ default: 'Service' }),
  'name*': kubernetesName,
  namespace,
  port: portNumber,
};
const weighted = { ...target, weight: integer(0, 1_000_000, { default: 1 }) };

/** Words of ASCII with one space or tab at most between them. */
const headerValue = text({
  ...{ minLength: 1, maxLength: 4096, pattern: '^[!-~]+([\\t ][!-~]+)*$' },
  [says]: 'must be a header value: printable ASCII, with single spaces',
});
const headers = list(object({ 'name*': headerName, 'value*': headerValue }), { maxItems: 16 });
const headerModifier = object({ add: headers, remove: list(text(), { maxItems: 16 }), set: headers });
const path = object({
  'type*': oneOf('ReplaceFullPath', 'ReplacePrefixMatch'),
  replaceFullPath: text({ maxLength: 1024 }),
  replacePrefixMatch: text({ maxLength: 1024 }),
});
const headerNames = list(headerName, { maxItems: 64 });
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'];

const commonFilters = {
  extensionRef: object({ 'group*': group(), 'kind*': kind(), 'name*': kubernetesName }),
  requestHeaderModifier: headerModifier,
  requestMirror: object({
    'backendRef*': object(target),
    fraction: object({ denominator: integer(1, undefined, { default: 100 }), 'numerator*': integer(0) }),
    percent: integer(0, 100),
  }),
  responseHeaderModifier: headerModifier,
};
const httpFilters = list(
  object({
    ...commonFilters,
    cors: object({
      allowCredentials: flag(),
      allowHeaders: headerNames,
      allowMethods: list(oneOf(...methods, '*'), { maxItems: 9 }),
      allowOrigins: list(text({ minLength: 1, maxLength: 253 }), { maxItems: 64 }),
      exposeHeaders: headerNames,
      maxAge: integer(1, undefined, { default: 5 }),
    }),
    externalAuth: object({
      'backendRef*': object(target),
      forwardBody: object({ maxSize: { type: 'integer' } }),
      grpc: object({ allowedHeaders: list(text(), { maxItems: 64 }) }),
      http: object({
        allowedHeaders: list(text(), { maxItems: 64 }),
        allowedResponseHeaders: list(text(), { maxItems: 64 }),
        path: text({ maxLength: 1024 }),
      }),
      'protocol*': oneOf('HTTP', 'GRPC'),
    }),
    requestRedirect: object({
      hostname: name,
      path,
      port: portNumber,
      scheme: oneOf('http', 'https'),
      statusCode: { type: 'integer', enum: [301, 302, 303, 307, 308], default: 302 },
    }),
    'type*': oneOf(
      ...['RequestHeaderModifier', 'ResponseHeaderModifier', 'RequestMirror', 'RequestRedirect', 'URLRewrite'],
      ...['ExtensionRef', 'CORS', 'ExternalAuth'],
    ),
    urlRewrite: object({ hostname: name, path }),
  }),
  { maxItems: 16 },
);
const grpcFilters = list(
  object({
    ...commonFilters,
    'type*': oneOf('ResponseHeaderModifier', 'RequestHeaderModifier', 'RequestMirror', 'ExtensionRef'),
  }),
  { maxItems: 16 },
);

const byDefault = (given: Schema, value: string): Schema => ({ ...given, default: value });
const exactly = byDefault(oneOf('Exact', 'RegularExpression'), 'Exact');
const httpMatch = object({
  headers: list(object({ 'name*': headerName, type: exactly, 'value*': headerValue }), { maxItems: 16 }),
  method: oneOf(...methods),
  path: object({
    type: byDefault(oneOf('Exact', 'PathPrefix', 'RegularExpression'), 'PathPrefix'),
    value: text({ maxLength: 1024, default: '/' }),
  }),
  queryParams: list(object({ 'name*': headerName, type: exactly, 'value*': text({ minLength: 1, maxLength: 1024 }) }), {
    maxItems: 16,
  }),
});
const grpcMatch = object({
  headers: list(object({ 'name*': headerName, type: exactly, 'value*': text({ minLength: 1, maxLength: 4096 }) }), {
    maxItems: 16,
  }),
  method: object({ method: text({ maxLength: 1024 }), service: text({ maxLength: 1024 }), type: exactly }),
});
const sessionPersistence = object({
  absoluteTimeout: duration,
  cookieConfig: object({ lifetimeType: byDefault(oneOf('Permanent', 'Session'), 'Session') }),
  sessionName: text({ maxLength: 128 }),
  type: byDefault(oneOf('Cookie', 'Header'), 'Cookie'),
});

const routeOf = (fields: Readonly<Record<string, Schema>>): Schema =>
  object({ 'spec*': object({ parentRefs, useDefaultGateways: oneOf('All', 'None'), ...fields }) });

const httpRoute = routeOf({
  hostnames: list(host, { maxItems: 16 }),
  rules: list(
    object({
      backendRefs: list(object({ ...weighted, filters: httpFilters }), { maxItems: 16 }),
      filters: httpFilters,
      matches: list(httpMatch, { maxItems: 64 }),
      name,
      retry: object({ attempts: { type: 'integer', minimum: 1 }, backoff: duration, codes: list(integer(400, 599)) }),
      sessionPersistence,
      timeouts: object({ backendRequest: duration, request: duration }),
    }),
    { minItems: 1, maxItems: 16 },
  ),
});
const grpcRoute = routeOf({
  hostnames: list(host, { maxItems: 16 }),
  rules: list(
    object({
      backendRefs: list(object({ ...weighted, filters: grpcFilters }), { maxItems: 16 }),
      filters: grpcFilters,
      matches: list(grpcMatch, { maxItems: 64 }),
      name,
      sessionPersistence,
    }),
    { maxItems: 16 },
  ),
});
const bytesRules = (maxItems: number): Schema =>
  list(object({ 'backendRefs*': list(object(weighted), { minItems: 1, maxItems: 16 }), name }), {
    ...{ minItems: 1, maxItems },
  });
const hostsOfTls = list(host, { maxItems: 1024 });

const defined = (of: KindSpec, ...versions: readonly CrdVersion[]): KindSpec => ({ ...of, versions });
const tlsRoute = routeOf({ 'hostnames*': { ...hostsOfTls, minItems: 1 }, 'rules*': bytesRules(1) });

/** Each kind with the versions of its definition, the newest first. */
export const gatewayDefinitions: readonly KindSpec[] = [
  defined(gatewayHttpRoute, { name: 'v1', schema: httpRoute }, { name: 'v1beta1', schema: httpRoute }),
  defined(gatewayGrpcRoute, { name: 'v1', schema: grpcRoute }),
  defined(
    gatewayTcpRoute,
    { name: 'v1', schema: routeOf({ 'rules*': bytesRules(1) }) },
    { name: 'v1alpha2', schema: routeOf({ 'rules*': bytesRules(16) }) },
  ),
  defined(
    gatewayTlsRoute,
    { name: 'v1', schema: tlsRoute },
    { name: 'v1alpha3', schema: tlsRoute },
    { name: 'v1alpha2', schema: routeOf({ hostnames: hostsOfTls, 'rules*': bytesRules(16) }) },
  ),
];
