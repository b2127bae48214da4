import type { ReadKind } from './definition.ts';
import type { HttpRoute } from './route-object.ts';
import {
  condition,
  flag,
  integer,
  kubernetesName,
  list,
  object,
  oneOf,
  portNumber,
  reference,
  type Schema,
  says,
  text,
} from './schema.ts';

export const headerName = text({
  minLength: 1,
  maxLength: 256,
  pattern: "^[A-Za-z0-9!#$%&'*+\\-.^_`|~]+$",
  [says]: 'must be a header name',
});
const header = object({ 'name*': headerName, 'value*': text({ minLength: 1, maxLength: 4096 }) });
const headerModifier = object({ add: list(header), set: list(header), remove: list(text()) });
export const duration = text({
  maxLength: 64,
  pattern: '^([0-9]{1,5}(h|m|s|ms)){1,4}$',
  description: 'Such as 500ms or 1m30s.',
  [says]: 'must be a duration such as 500ms or 1m30s',
});

const pathRewrite = object({
  'type*': oneOf('ReplaceFullPath', 'ReplacePrefixMatch'),
  replaceFullPath: text({ maxLength: 1024 }),
  replacePrefixMatch: text({ maxLength: 1024 }),
});

const filtersOf = (types: readonly string[], more: Readonly<Record<string, Schema>>): Schema =>
  list(
    object({
      'type*': oneOf('RequestHeaderModifier', 'ResponseHeaderModifier', 'RequestRedirect', ...types),
      requestHeaderModifier: headerModifier,
      responseHeaderModifier: headerModifier,
      requestRedirect: object({
        scheme: oneOf('http', 'https'),
        hostname: kubernetesName,
        path: pathRewrite,
        port: portNumber,
        statusCode: integer(300, 399),
      }),
      ...more,
    }),
    { maxItems: 16 },
  );

const filters = filtersOf([], {});
/** Of the newest version, with what the Gateway API has besides. */
const allFilters = filtersOf(['URLRewrite', 'CORS', 'RequestMirror', 'ExtensionRef'], {
  extensionRef: reference({ 'group*': text({ maxLength: 253 }) }),
  requestMirror: object({
    'backendRef*': object({
      group: text({ maxLength: 253, default: '' }),
      kind: text({ minLength: 1, maxLength: 63, default: 'Service' }),
      namespace: kubernetesName,
      'name*': kubernetesName,
      port: portNumber,
    }),
    percent: integer(0, 100),
    fraction: object({ 'numerator*': integer(0), denominator: integer(1, undefined, { default: 100 }) }),
  }),
  urlRewrite: object({ hostname: kubernetesName, path: pathRewrite }),
  cors: object({
    allowOrigins: list(text({ minLength: 1, maxLength: 269 }), { maxItems: 64 }),
    allowCredentials: flag(),
    allowMethods: list(text({ minLength: 1, maxLength: 256 }), { maxItems: 9 }),
    allowHeaders: list(text({ minLength: 1, maxLength: 256 }), { maxItems: 64 }),
    exposeHeaders: list(text({ minLength: 1, maxLength: 256 }), { maxItems: 64 }),
    maxAge: integer(1, undefined, { description: 'In seconds. Default: 5.' }),
  }),
});

const matchOf = (...types: string[]) => ({
  type: { ...oneOf(...types), default: 'Exact' },
  'name*': headerName,
  'value*': text({ minLength: 1, maxLength: 4096 }),
});

const match = object({
  path: object({
    type: { ...oneOf('Exact', 'PathPrefix', 'RegularExpression'), default: 'PathPrefix' },
    value: text({ maxLength: 1024, default: '/' }),
  }),
  headers: list(object(matchOf('Exact', 'RegularExpression')), { maxItems: 16 }),
  queryParams: list(
    object({ ...matchOf('Exact', 'RegularExpression'), 'name*': text({ minLength: 1, maxLength: 256 }) }),
    {
      maxItems: 16,
    },
  ),
  method: oneOf('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'),
});

const parentReference = object({
  group: text({ maxLength: 253, default: 'policy.linkerd.io' }),
  kind: text({ minLength: 1, maxLength: 63, default: 'Server' }),
  namespace: kubernetesName,
  'name*': kubernetesName,
  sectionName: kubernetesName,
  port: portNumber,
});

const backendOf = (filters: Schema): Schema =>
  object({
    group: text({ maxLength: 253, default: '' }),
    kind: text({ minLength: 1, maxLength: 63, default: 'Service' }),
    namespace: kubernetesName,
    'name*': kubernetesName,
    port: portNumber,
    weight: integer(0, 1_000_000, { default: 1 }),
    filters,
  });

/** Each later version allows what the one before did, and backends, then timeouts. */
function route(extra: Readonly<Record<string, Schema>>, filters: Schema): Schema {
  return object({
    'spec*': object({
      parentRefs: list(parentReference, { maxItems: 32 }),
      hostnames: list(kubernetesName, { maxItems: 16 }),
      rules: list(object({ matches: list(match, { maxItems: 8 }), filters, ...extra }), { maxItems: 16 }),
    }),
    status: object({
      'parents*': list(
        object({
          'parentRef*': parentReference,
          'controllerName*': text({ minLength: 1, maxLength: 253 }),
          conditions: list(condition, { maxItems: 8 }),
        }),
        { maxItems: 32 },
      ),
    }),
  });
}

const backendRefs = (filters: Schema): Schema => list(backendOf(filters), { maxItems: 16 });
const timeouts = object({ request: duration, backendRequest: duration });
const status = true;

/** Requests by path, header and method: where they go, and who may send them. */
export const httpRoute: ReadKind<HttpRoute> = {
  group: 'policy.linkerd.io',
  kind: 'HTTPRoute',
  plural: 'httproutes',
  scope: 'Namespaced',
  isPolicyTarget: true,
  reads: { versions: ['v1beta3', 'v1beta2', 'v1beta1'], keep: { spec: 'any', status: 'any' } },
  writesStatus: true,
  versions: [
    { name: 'v1beta3', schema: route({ backendRefs: backendRefs(allFilters), timeouts }, allFilters), status },
    { name: 'v1beta2', schema: route({ backendRefs: backendRefs(filters) }, filters), status },
    { name: 'v1beta1', schema: route({}, filters), status },
    { name: 'v1alpha1', schema: route({}, filters), status, deprecated: true },
  ],
};
