/**
 * An error that the proxy itself makes, as the client sees it. The status mapping is Linkerd's
 * (linkerd/app/core/src/errors/respond.rs). docs/errors.md is the table of them for people; a test counts both.
 */
export interface ProxyFailure {
  /** Its name in docs/errors.md. */
  readonly code: string;
  /** The value of the `error` label of the error metrics. */
  readonly kind: string;
  readonly status: number;
  readonly grpcStatus: number;
  /** What clients are told in `grpc-message` and `l5d-proxy-error`. */
  readonly message: string;
  /** What `www-authenticate` asks the client for (RFC 6750 section 3), where that is what is missing. */
  readonly challenge?: string;
}

const failure = (
  code: string,
  kind: string,
  status: number,
  grpcStatus: number,
  message: string,
  challenge?: string,
): ProxyFailure => Object.freeze({ code, kind, status, grpcStatus, message, challenge });

/** gRPC status codes, by name. */
const invalidArgument = 3;
const deadlineExceeded = 4;
const notFound = 5;
const permissionDenied = 7;
const resourceExhausted = 8;
const failedPrecondition = 9;
const aborted = 10;
const unimplemented = 12;
const internal = 13;
const unavailable = 14;
const unauthenticated = 16;

/** Users are the same for all workloads of a mesh: their tokens differ by audience. */
const bearer = 'Bearer realm="end users"';

export const failures = {
  failfast: failure('failfast', 'failfast', 504, deadlineExceeded, 'no endpoint became ready in time'),
  loadShed: failure('load-shed', 'loadshed', 503, unavailable, 'too many requests are waiting'),
  connect: failure('connect', 'connect', 502, unavailable, 'connecting to the endpoint failed'),
  connectTimeout: failure(
    'connect-timeout',
    'connect timeout',
    504,
    deadlineExceeded,
    'connecting to the endpoint timed out',
  ),
  identityRequired: failure(
    'identity-required',
    'identity required',
    502,
    unavailable,
    'the endpoint could not prove the identity that was required',
  ),
  requestTimeout: failure(
    'request-timeout',
    'request timeout',
    504,
    deadlineExceeded,
    'the request took longer than its route lets it',
  ),
  responseTimeout: failure(
    'response-timeout',
    'response timeout',
    504,
    deadlineExceeded,
    'the response took longer than its route lets it',
  ),
  idleTimeout: failure(
    'idle-timeout',
    'idle timeout',
    504,
    deadlineExceeded,
    'nothing went either way for longer than the route of the request lets it',
  ),
  tryTimeout: failure(
    'try-timeout',
    'try timeout',
    504,
    deadlineExceeded,
    'the endpoint took longer to answer than the route of the request lets it',
  ),
  backend: failure('backend', 'backend', 500, internal, 'the route leads to a backend that is not there'),
  forbidden: failure('forbidden', 'forbidden', 403, permissionDenied, 'policy forbids what the request is for'),
  closed: failure('closed', 'i/o', 502, unavailable, 'the endpoint closed the connection before it answered'),
  reset: failure('reset', 'reset', 502, unavailable, 'the endpoint reset the request'),
  refused: failure('refused', 'refused', 502, unavailable, 'the endpoint took no more requests'),
  invalidResponse: failure(
    'invalid-response',
    'invalid response',
    502,
    internal,
    'the endpoint answered with no valid HTTP',
  ),
  notFound: failure('not-found', 'not found', 404, notFound, 'the request names no known target'),
  httpsTarget: failure(
    'https-target',
    'https target',
    421,
    unavailable,
    'an https target cannot be carried in plain: name it by http, or have the application tunnel it by CONNECT',
  ),
  noRoute: failure('no-route', 'no route', 404, notFound, 'no route fits the request'),
  ambiguousPath: failure(
    'ambiguous-path',
    'ambiguous path',
    400,
    invalidArgument,
    'the path can be read in several ways, and policy stands on paths',
  ),
  tunnel: failure(
    'tunnel',
    'tunnel',
    405,
    unimplemented,
    'no route of the server names CONNECT, which opens a tunnel past all routes',
  ),
  unauthorized: failure('unauthorized', 'unauthorized', 403, permissionDenied, 'the client is not authorized'),
  tokenMissing: failure('token-missing', 'no token', 401, unauthenticated, 'the request needs a token', bearer),
  tokenInvalid: failure(
    'token-invalid',
    'invalid token',
    401,
    unauthenticated,
    'the token does not hold',
    `${bearer}, error="invalid_token"`,
  ),
  claimsMissing: failure(
    'claims-missing',
    'insufficient claims',
    403,
    permissionDenied,
    'the token has not the claims that are required',
    `${bearer}, error="insufficient_scope"`,
  ),
  tokenUnchecked: failure('token-unchecked', 'unchecked token', 503, unavailable, 'the token cannot be checked now'),
  extAuthzFailed: failure(
    'ext-authz-failed',
    'ext authz',
    403,
    permissionDenied,
    'the authorizer has not said whether the request may come in',
  ),
  extAuthzOverload: failure(
    'ext-authz-overload',
    'ext authz overload',
    503,
    unavailable,
    'too many requests wait for an authorizer',
  ),
  totalRateLimit: failure('total-rate-limit', 'rate limit', 429, resourceExhausted, 'total rate limit exceeded'),
  identityRateLimit: failure(
    'identity-rate-limit',
    'rate limit',
    429,
    resourceExhausted,
    'per-identity rate limit exceeded',
  ),
  overrideRateLimit: failure(
    'override-rate-limit',
    'rate limit',
    429,
    resourceExhausted,
    'override rate limit exceeded',
  ),
  injected: failure('injected', 'injected', 500, failedPrecondition, 'a filter of the route fails the request'),
  unsupportedFilter: failure('unsupported-filter', 'unsupported filter', 500, internal, 'unsupported filter'),
  loop: failure('loop', 'gateway loop', 508, aborted, 'the request would loop back to this proxy'),
  unexpected: failure('unexpected', 'unexpected', 500, internal, 'unexpected error'),
} as const;
