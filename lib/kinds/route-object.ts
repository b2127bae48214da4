import type { KubernetesObject } from './kubernetes-object.ts';
import { flag, list, type ObjectRef, object, oneOf, type Schema, text, wholeNumber } from './schema.ts';

/** What routes have in common: of policy.linkerd.io, and of the Gateway API with Services or Servers as parents. */

export interface ParentRef extends ObjectRef {
  readonly port?: number;
  readonly sectionName?: string;
}

export interface BackendRef extends ObjectRef {
  readonly port?: number;
  readonly weight?: number;
  readonly filters?: readonly RouteFilter[];
}

export interface NamedMatch {
  readonly type?: 'Exact' | 'RegularExpression';
  readonly name: string;
  readonly value: string;
}

export interface HttpRouteMatch {
  readonly path?: { readonly type?: 'Exact' | 'PathPrefix' | 'RegularExpression'; readonly value?: string };
  readonly headers?: readonly NamedMatch[];
  readonly queryParams?: readonly NamedMatch[];
  readonly method?: string;
}

export interface GrpcRouteMatch {
  readonly method?: {
    readonly type?: 'Exact' | 'RegularExpression';
    readonly service?: string;
    readonly method?: string;
  };
  readonly headers?: readonly NamedMatch[];
}

export interface HeaderModifier {
  readonly set?: readonly { readonly name: string; readonly value: string }[];
  readonly add?: readonly { readonly name: string; readonly value: string }[];
  readonly remove?: readonly string[];
}

export interface PathModifier {
  readonly type: string;
  readonly replaceFullPath?: string;
  readonly replacePrefixMatch?: string;
}

/** HTTPRequestMirrorFilter of the Gateway API: `percent` or `fraction`, or all. */
export interface MirrorFilter {
  readonly backendRef: Omit<BackendRef, 'kind' | 'weight' | 'filters'> & { readonly kind?: string };
  readonly percent?: number;
  readonly fraction?: { readonly numerator: number; readonly denominator?: number };
}

/** HTTPCORSFilter of the Gateway API. */
export interface CorsFilter {
  readonly allowOrigins?: readonly string[];
  readonly allowCredentials?: boolean;
  readonly allowMethods?: readonly string[];
  readonly allowHeaders?: readonly string[];
  readonly exposeHeaders?: readonly string[];
  /** In seconds. */
  readonly maxAge?: number;
}

export interface RouteFilter {
  readonly type: string;
  readonly requestHeaderModifier?: HeaderModifier;
  readonly responseHeaderModifier?: HeaderModifier;
  readonly requestRedirect?: {
    readonly scheme?: string;
    readonly hostname?: string;
    readonly path?: PathModifier;
    readonly port?: number;
    readonly statusCode?: number;
  };
  readonly urlRewrite?: { readonly hostname?: string; readonly path?: PathModifier };
  readonly cors?: CorsFilter;
  readonly requestMirror?: MirrorFilter;
  /** Of the route's namespace. */
  readonly extensionRef?: { readonly group?: string; readonly kind?: string; readonly name?: string };
}

/** How a client stays with the endpoint that has answered it (experimental channel of the Gateway API, GEP-1619). */
export interface SessionPersistence {
  readonly type?: string;
  readonly sessionName?: string;
  readonly absoluteTimeout?: string;
  readonly idleTimeout?: string;
  readonly cookieConfig?: { readonly lifetimeType?: string };
}

export interface RouteRule<Match> {
  readonly matches?: readonly Match[];
  readonly filters?: readonly RouteFilter[];
  readonly backendRefs?: readonly BackendRef[];
  readonly timeouts?: { readonly request?: string; readonly backendRequest?: string };
  readonly sessionPersistence?: SessionPersistence;
}

interface Route<Match> extends KubernetesObject {
  readonly spec: {
    readonly parentRefs?: readonly ParentRef[];
    readonly hostnames?: readonly string[];
    readonly rules?: readonly RouteRule<Match>[];
  };
  readonly status?: { readonly parents?: readonly RouteParentStatus[] };
}

/** What a controller says of a parent of a route. */
export interface RouteParentStatus {
  readonly parentRef: Omit<ParentRef, 'kind'> & { readonly kind?: string };
  readonly controllerName: string;
  readonly conditions?: readonly RouteCondition[];
}

export interface RouteCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string;
  /** The `metadata.generation` that this is told of. */
  readonly observedGeneration?: number;
}

export type HttpRoute = Route<HttpRouteMatch>;
export type GrpcRoute = Route<GrpcRouteMatch>;

/** TLSRoute and TCPRoute, as far as they are known here: exactly one rule counts, for nothing tells connections apart. */
export interface BytesRoute extends KubernetesObject {
  readonly spec: {
    readonly parentRefs?: readonly ParentRef[];
    /** Of a TLSRoute: the names that clients ask for. */
    readonly hostnames?: readonly string[];
    readonly rules: readonly { readonly backendRefs?: readonly BackendRef[] }[];
  };
  readonly status?: { readonly parents?: readonly RouteParentStatus[] };
}

/** The fields of routes of the Gateway API that are checked beyond their definitions, which say more. */
const reference = { group: text(), kind: text(), 'name*': text(), namespace: text(), port: wholeNumber };
const parentRefs = list(object(reference));
const backendRefs = list(object({ ...reference, weight: wholeNumber }));

const header = object({ 'name*': text(), 'value*': text() });
const headerModifier = object({ set: list(header), add: list(header), remove: list(text()) });
const pathModifier = object({ type: text(), replaceFullPath: text(), replacePrefixMatch: text() });
const filters = list(
  object({
    'type*': text(),
    requestHeaderModifier: headerModifier,
    responseHeaderModifier: headerModifier,
    requestRedirect: object({
      scheme: text(),
      hostname: text(),
      path: pathModifier,
      port: wholeNumber,
      statusCode: wholeNumber,
    }),
    urlRewrite: object({ hostname: text(), path: pathModifier }),
    requestMirror: object({
      'backendRef*': object(reference),
      percent: wholeNumber,
      fraction: object({ 'numerator*': wholeNumber, denominator: wholeNumber }),
    }),
    extensionRef: object({ group: text(), kind: text(), name: text() }),
    cors: object({
      allowOrigins: list(text()),
      allowCredentials: flag(),
      allowMethods: list(text()),
      allowHeaders: list(text()),
      exposeHeaders: list(text()),
      maxAge: wholeNumber,
    }),
  }),
);

/** Of a header or a parameter of the query. */
export const namedMatches = list(
  object({ type: oneOf('Exact', 'RegularExpression'), 'name*': text(), 'value*': text() }),
);

/** The shape of a route whose rules have matches as `match` says. */
export const gatewayRouteShape = (match: Schema): Schema =>
  object({
    'spec*': object({
      parentRefs,
      hostnames: list(text()),
      rules: list(
        object({
          matches: list(match),
          filters,
          backendRefs: list(object({ ...reference, weight: wholeNumber, filters })),
          timeouts: object({ request: text(), backendRequest: text() }),
          sessionPersistence: object({
            type: text(),
            sessionName: text(),
            absoluteTimeout: text(),
            idleTimeout: text(),
            cookieConfig: object({ lifetimeType: text() }),
          }),
        }),
      ),
    }),
  });

/** The shape of a route of bytes, TLSRoute or TCPRoute. */
export const bytesRouteShape: Schema = object({
  'spec*': object({ parentRefs, hostnames: list(text()), 'rules*': list(object({ backendRefs })) }),
});
