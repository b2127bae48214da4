import { durationMs } from '@bufbuild/protobuf/wkt';
import type { GrpcFailureInjector } from '../../api/gen/grpc_route_pb.js';
import type {
  PathModifier as ApiPath,
  Ratio as ApiRatio,
  HttpFailureInjector,
  RequestHeaderModifier,
  RequestRedirect,
  ResponseHeaderModifier,
} from '../../api/gen/http_route_pb.js';
import { type Headers, type Scheme, Scheme_Registered } from '../../api/gen/http_types_pb.js';
import type { GrpcRoute_Filter as InboundGrpc, HttpRoute_Filter as InboundHttp } from '../../api/gen/inbound_pb.js';
import type { GrpcRoute_Filter as OutboundGrpc, HttpRoute_Filter as OutboundHttp } from '../../api/gen/outbound_pb.js';
import type { Cors as ApiCors, Delay as ApiDelay, UrlRewrite as ApiRewrite } from '../../api/gen/tulle_pb.js';
import { longestDelayMs } from '../../lib/contract/faults.ts';
import { latin1 } from '../wire/latin1.ts';
import { Cors } from './cors.ts';
import { Delay, FailureInjector } from './fault.ts';
import { Answer, BadFilter, Filters, type RequestFilter, type ResponseFilter } from './filter.ts';
import { HeaderModifier, type WrittenField } from './header-modifier.ts';
import { FullPath, type PathModifier, PathPrefix } from './path-modifier.ts';
import type { Ratio } from './ratio.ts';
import { Redirect } from './redirect.ts';
import { unsupportedFilters } from './unsupported.ts';
import { UrlRewrite } from './url-rewrite.ts';

/** A filter of a route or backend, of either side. */
export type ApiFilter = InboundHttp | InboundGrpc | OutboundHttp | OutboundGrpc;

/** gRPC status codes: what a failure that HTTP routes inject is to gRPC, and a code that is none. */
const unknown = 2;
const failedPrecondition = 9;
const highestGrpcStatus = 16;
/** What clients that speak no gRPC get where a gRPC route injects a failure. */
const internalServerError = 500;

const longestMessage = 200;
const defaultMaxAgeSeconds = 5;

/**
 * The filters of a rule, for those of its requests that fit one match, or of a backend; undefined when there are none.
 *
 * `prefix` is the path prefix that the match has, `''` for one of every path, undefined for one without. A filter that
 * is not known or cannot hold fails all requests of the rule, since whatever it was to do is not done: `onUnread` is
 * told why.
 */
export function filtersFromApi(
  filters: readonly ApiFilter[],
  prefix: string | undefined,
  onUnread: (why: string) => void,
): Filters | undefined {
  if (filters.length === 0) return undefined;
  const reader = new Reader(prefix);
  try {
    for (const { kind } of filters) reader.read(kind);
  } catch (error) {
    if (!(error instanceof BadFilter)) throw error;
    onUnread(error.message);
    return unsupportedFilters;
  }
  return new Filters(reader.delays, reader.request, reader.response);
}

/** Whether the filters of a rule are others for each of its matches. */
export const needPrefix = (filters: readonly ApiFilter[]): boolean =>
  filters.some(
    ({ kind }) =>
      (kind.case === 'redirect' || kind.case === 'urlRewrite') && kind.value.path?.replace.case === 'prefix',
  );

class Reader {
  readonly delays: Delay[] = [];
  readonly request: RequestFilter[] = [];
  readonly response: ResponseFilter[] = [];
  private readonly prefix: string | undefined;

  constructor(prefix: string | undefined) {
    this.prefix = prefix;
  }

  /** Throws BadFilter. */
  read(kind: ApiFilter['kind']): void {
    switch (kind.case) {
      case 'failureInjector':
        this.request.push(failureInjector(kind.value));
        break;
      case 'requestHeaderModifier':
        this.request.push(headerModifier(kind.value));
        break;
      case 'responseHeaderModifier':
        this.response.push(headerModifier(kind.value));
        break;
      case 'redirect':
        this.request.push(redirect(kind.value, this.prefix));
        break;
      case 'urlRewrite':
        this.request.push(urlRewrite(kind.value, this.prefix));
        break;
      case 'cors': {
        const cors = corsFilter(kind.value);
        this.request.push(cors);
        this.response.push(cors);
        break;
      }
      case 'delay':
        this.delays.push(delay(kind.value));
        break;
      case 'requestMirror':
        // It changes nothing of the request: see mirrorsFromApi.
        break;
      default:
        throw new BadFilter('a filter of a kind that is not known');
    }
  }
}

function failureInjector(injector: HttpFailureInjector | GrpcFailureInjector): FailureInjector {
  const message = injector.message
    .slice(0, longestMessage)
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim();
  if (injector.$typeName === 'io.linkerd.proxy.grpc_route.GrpcFailureInjector') {
    const code = injector.code > highestGrpcStatus ? unknown : injector.code;
    return new FailureInjector(
      new Answer(internalServerError, code, message, [], 'injected'),
      ratioFromApi(injector.ratio),
    );
  }
  const { status } = injector;
  if (status < 200 || status > 599) throw new BadFilter(`${status} is no status to fail requests with`);
  return new FailureInjector(
    new Answer(status, failedPrecondition, message, [], 'injected'),
    ratioFromApi(injector.ratio),
  );
}

function headerModifier({ add, set, remove }: RequestHeaderModifier | ResponseHeaderModifier): HeaderModifier {
  return new HeaderModifier(fields(add), fields(set), remove);
}

const fields = (headers: Headers | undefined): WrittenField[] =>
  (headers?.headers ?? []).map(({ name, value }) => ({ name, value: latin1(value, 0, value.length) }));

function redirect({ scheme, host, path, port, status }: RequestRedirect, prefix: string | undefined): Redirect {
  return new Redirect({
    scheme: scheme && schemeFromApi(scheme),
    host: host === '' ? undefined : host,
    port: port === 0 ? undefined : port,
    path: pathModifier(path, prefix),
    status: status === 0 ? undefined : status,
  });
}

/** `?` for one that is not known. */
function schemeFromApi({ type }: Scheme): string {
  const name = type.case === 'registered' ? Scheme_Registered[type.value] : type.value;
  return name?.toLowerCase() ?? '?';
}

function urlRewrite({ host, path }: ApiRewrite, prefix: string | undefined): UrlRewrite {
  return new UrlRewrite(host === '' ? undefined : host, pathModifier(path, prefix));
}

function pathModifier(path: ApiPath | undefined, prefix: string | undefined): PathModifier | undefined {
  if (path === undefined) return undefined;
  const { replace } = path;
  if (replace.case === undefined) throw new BadFilter('a path modifier of a kind that is not known');
  return replace.case === 'full' ? new FullPath(replace.value) : new PathPrefix(prefix, replace.value);
}

function corsFilter(cors: ApiCors): Cors {
  return new Cors({ ...cors, maxAgeSeconds: cors.maxAgeSeconds || defaultMaxAgeSeconds });
}

function delay({ duration, ratio: share }: ApiDelay): Delay {
  const ms = duration === undefined ? 0 : durationMs(duration);
  if (ms <= 0 || ms > longestDelayMs) throw new BadFilter(`a delay is longer than 0 and at most ${longestDelayMs} ms`);
  return new Delay(ms, ratioFromApi(share));
}

/** Throws BadFilter. */
export function ratioFromApi(share: ApiRatio | undefined): Ratio | undefined {
  if (share === undefined) return undefined;
  if (share.denominator === 0) throw new BadFilter('a ratio whose denominator is 0');
  return { numerator: share.numerator, denominator: share.denominator };
}
