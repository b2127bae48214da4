import { z } from 'zod';

/** The fields of routes that rules are about. */

const parentRefShape = z.object({
  group: z.string().optional(),
  kind: z.string().optional(),
  name: z.string(),
  namespace: z.string().optional(),
  port: z.int().nullish(),
});
const backendRefShape = z.object({
  group: z.string().optional(),
  kind: z.string().optional(),
  name: z.string(),
  namespace: z.string().optional(),
  port: z.int().nullish(),
  weight: z.int().nullish(),
});
const namedMatchShape = z.object({
  type: z.enum(['Exact', 'RegularExpression']).nullish(),
  name: z.string(),
  value: z.string(),
});
const headerShape = z.object({ name: z.string(), value: z.string() });
const headerModifierShape = z.object({
  set: z.array(headerShape).nullish(),
  add: z.array(headerShape).nullish(),
  remove: z.array(z.string()).nullish(),
});
const filterShape = z.object({
  type: z.string(),
  requestHeaderModifier: headerModifierShape.nullish(),
  responseHeaderModifier: headerModifierShape.nullish(),
  requestRedirect: z
    .object({
      scheme: z.string().nullish(),
      hostname: z.string().nullish(),
      path: z
        .object({
          type: z.string().optional(),
          replaceFullPath: z.string().nullish(),
          replacePrefixMatch: z.string().nullish(),
        })
        .nullish(),
      port: z.int().nullish(),
      statusCode: z.int().nullish(),
    })
    .nullish(),
});
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'] as const;
const httpMatchShape = z.object({
  path: z
    .object({
      type: z.enum(['Exact', 'PathPrefix', 'RegularExpression']).nullish(),
      value: z.string().nullish(),
    })
    .nullish(),
  headers: z.array(namedMatchShape).nullish(),
  queryParams: z.array(namedMatchShape).nullish(),
  method: z.enum(methods).nullish(),
});
const grpcMatchShape = z.object({
  method: z
    .object({
      type: z.enum(['Exact', 'RegularExpression']).nullish(),
      service: z.string().nullish(),
      method: z.string().nullish(),
    })
    .nullish(),
  headers: z.array(namedMatchShape).nullish(),
});

const routeShape = <Match extends z.ZodType>(match: Match) =>
  z.object({
    parentRefs: z.array(parentRefShape).nullish(),
    hostnames: z.array(z.string()).nullish(),
    rules: z
      .array(
        z.object({
          matches: z.array(match).nullish(),
          filters: z.array(filterShape).nullish(),
          backendRefs: z.array(backendRefShape).nullish(),
          timeouts: z.object({ request: z.string().nullish(), backendRequest: z.string().nullish() }).nullish(),
        }),
      )
      .nullish(),
  });

export const httpRouteShape = routeShape(httpMatchShape);
export const grpcRouteShape = routeShape(grpcMatchShape);
/** Of TLSRoute and TCPRoute. */
export const tcpRouteShape = z.object({
  parentRefs: z.array(parentRefShape).nullish(),
  rules: z.array(z.unknown()),
});

export type HttpMatchShape = z.output<typeof httpMatchShape>;
export type GrpcMatchShape = z.output<typeof grpcMatchShape>;
export type NamedMatchShape = z.output<typeof namedMatchShape>;
export type FilterShape = z.output<typeof filterShape>;
export type HeaderModifierShape = z.output<typeof headerModifierShape>;
export type ParentRefShape = z.output<typeof parentRefShape>;
export type BackendRefShape = z.output<typeof backendRefShape>;
