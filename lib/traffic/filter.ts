import { Chart } from 'cdk8s';
import { corsNameProblem, corsOriginProblem, hostProblem, redirectStatuses } from '../contract/route-filters.ts';
import type { HeaderModifier, RouteFilter } from '../kinds/route-object.ts';
import { checkProps } from '../props/check-props.ts';
import { instance, needed } from '../props/form.ts';
import { check, filled, milliseconds, refuse, whole } from './checks.ts';
import { FaultInjection } from './fault-injection.ts';
import {
  type CorsOptions,
  corsForm,
  type RedirectOptions,
  type RewriteOptions,
  redirectForm,
  rewriteForm,
} from './filter-options.ts';
import { type HeaderValues, headerNames, headerValues } from './header-modifier.ts';
import { type Backend, backendForm, backendOf, type MeshService } from './mesh-service.ts';
import { MirrorShare } from './mirror-share.ts';

interface MirrorArguments {
  readonly mirror: Backend;
  readonly share?: MirrorShare;
}

interface Parts {
  readonly render: (namespace: string) => RouteFilter;
  readonly protocol?: 'http' | 'grpc';
  readonly needsPrefix?: boolean;
  readonly service?: MeshService;
  readonly fault?: FaultInjection;
}

/** What is done with the requests of a rule, or with those that go to one of its backends. */
export class Filter {
  /** Headers of requests that are given a value, in place of any that they have. */
  static setRequestHeaders(headers: HeaderValues): Filter {
    return Filter._modifier('requestHeaderModifier', { set: headerValues(headers) });
  }

  /** Headers of requests that are given a value, beside those that they have. */
  static addRequestHeaders(headers: HeaderValues): Filter {
    return Filter._modifier('requestHeaderModifier', { add: headerValues(headers) });
  }

  /** Headers of requests that are taken away. */
  static removeRequestHeaders(...names: string[]): Filter {
    return Filter._modifier('requestHeaderModifier', { remove: headerNames(names) });
  }

  /** Headers of responses that are given a value, in place of any that they have. */
  static setResponseHeaders(headers: HeaderValues): Filter {
    return Filter._modifier('responseHeaderModifier', { set: headerValues(headers) });
  }

  /** Headers of responses that are given a value, beside those that they have. */
  static addResponseHeaders(headers: HeaderValues): Filter {
    return Filter._modifier('responseHeaderModifier', { add: headerValues(headers) });
  }

  /** Headers of responses that are taken away. */
  static removeResponseHeaders(...names: string[]): Filter {
    return Filter._modifier('responseHeaderModifier', { remove: headerNames(names) });
  }

  /** Clients are told to ask elsewhere. Not for gRPC. */
  static redirect(options: RedirectOptions): Filter {
    checkProps(redirectForm, options);
    const { scheme, hostname, port, path, statusCode } = options;
    if (scheme !== undefined && scheme !== 'http' && scheme !== 'https') {
      refuse('scheme', scheme, "must be 'http' or 'https'");
    }
    checkHost(hostname);
    whole('port', port, 1, 65_535);
    if (statusCode !== undefined && !redirectStatuses.includes(statusCode)) {
      refuse('statusCode', statusCode, `must be one of ${redirectStatuses.join(', ')}`);
    }
    const fields = filled({ scheme, hostname, port, path: path?._modifier });
    if (Object.keys(fields).length === 0) {
      refuse('redirect', '', "must say where to: 'scheme', 'hostname', 'port' or 'path'");
    }
    const requestRedirect = { ...fields, ...filled({ statusCode }) };
    return new Filter({
      render: () => ({ type: 'RequestRedirect', requestRedirect }),
      protocol: 'http',
      needsPrefix: path?._isPrefix,
    });
  }

  /** The application gets another host or path than the client has asked for. Not for gRPC. */
  static rewrite(options: RewriteOptions): Filter {
    checkProps(rewriteForm, options);
    const { hostname, path } = options;
    checkHost(hostname);
    const urlRewrite = filled({ hostname, path: path?._modifier });
    if (Object.keys(urlRewrite).length === 0) refuse('rewrite', '', "must say to what: 'hostname' or 'path'");
    return new Filter({
      render: () => ({ type: 'URLRewrite', urlRewrite }),
      protocol: 'http',
      needsPrefix: path?._isPrefix,
    });
  }

  /** Copies of the requests go to another Service, too, which answers nobody. */
  static mirror(to: Backend, share?: MirrorShare): Filter {
    checkProps<MirrorArguments>(
      { mirror: needed(backendForm), share: instance(() => MirrorShare) },
      { mirror: to, share },
    );
    const service = backendOf('mirror', to);
    return new Filter({
      render: (namespace) => ({
        type: 'RequestMirror',
        requestMirror: { backendRef: service._reference(namespace), ...share?._fields },
      }),
      service,
    });
  }

  /** Browsers are told which pages may call. Not for gRPC. */
  static cors(options: CorsOptions): Filter {
    checkProps(corsForm, options);
    const { allowOrigins, allowMethods, allowHeaders, exposeHeaders, allowCredentials, maxAge } = options;
    if (allowOrigins.length === 0) refuse('allowOrigins', '', "must name an origin: 'https://shop.example' or '*'");
    bounded('allowOrigins', allowOrigins, 64, corsOriginProblem);
    bounded('allowMethods', allowMethods, 9, corsNameProblem);
    bounded('allowHeaders', allowHeaders, 64, corsNameProblem);
    bounded('exposeHeaders', exposeHeaders, 64, corsNameProblem);
    const seconds = maxAge === undefined ? undefined : milliseconds('maxAge', maxAge) / 1000;
    whole('maxAge', seconds, 1, 2 ** 31 - 1);
    const cors = filled({ allowOrigins, allowCredentials, allowMethods, allowHeaders, exposeHeaders, maxAge: seconds });
    return new Filter({ render: () => ({ type: 'CORS', cors }), protocol: 'http' });
  }

  /** The requests wait, or fail, as a FaultInjection of the route's namespace says. */
  static fault(fault: FaultInjection): Filter {
    checkProps({ fault: needed(instance(() => FaultInjection)) }, { fault });
    return new Filter({
      render: () => ({
        type: 'ExtensionRef',
        extensionRef: { group: 'tulle.dev', kind: 'FaultInjection', name: fault.name },
      }),
      protocol: fault._protocol,
      fault,
    });
  }

  private static _modifier(
    field: 'requestHeaderModifier' | 'responseHeaderModifier',
    modifier: HeaderModifier,
  ): Filter {
    const type = field === 'requestHeaderModifier' ? 'RequestHeaderModifier' : 'ResponseHeaderModifier';
    return new Filter({ render: () => ({ type, [field]: modifier }) });
  }

  private readonly parts: Parts;

  private constructor(parts: Parts) {
    this.parts = parts;
  }

  /** Another Service that requests go to. @internal */
  get _service(): MeshService | undefined {
    return this.parts.service;
  }

  /** As a route of a namespace has it. Throws for what its protocol does not have, or its matches do not let it do. @internal */
  _render(
    route: { readonly protocol: 'http' | 'grpc'; readonly namespace: string },
    hasPrefixes: boolean,
  ): RouteFilter {
    const { protocol, needsPrefix, fault, render } = this.parts;
    const rendered = render(route.namespace);
    if (protocol !== undefined && protocol !== route.protocol) {
      refuse('filters', rendered.type, `must stand in ${protocol === 'http' ? 'an HttpRoute' : 'a GrpcRoute'}`);
    }
    if (needsPrefix && !hasPrefixes) {
      refuse(
        'filters',
        rendered.type,
        'must not replace a prefix in a rule that does not match by one Match.pathPrefix alone: make a rule for each match',
      );
    }
    const home = fault && (fault.apiObject.metadata.namespace ?? Chart.of(fault).namespace ?? 'default');
    if (home !== undefined && home !== route.namespace) {
      refuse(
        'filters',
        `${home}/${fault?.name}`,
        `must name a FaultInjection of the route's namespace, ${route.namespace}`,
      );
    }
    return rendered;
  }
}

function bounded(
  name: string,
  list: string[] | undefined,
  most: number,
  problem: (item: string) => string | undefined,
) {
  if (list !== undefined && list.length > most) refuse(name, list.length, `must not be more than ${most}`);
  for (const item of list ?? []) check(name, item, problem(item));
}

function checkHost(hostname: string | undefined): void {
  if (hostname === undefined) return;
  check('hostname', hostname, hostProblem(hostname));
  if (hostname !== hostname.toLowerCase()) refuse('hostname', hostname, 'must be in lower case');
}
