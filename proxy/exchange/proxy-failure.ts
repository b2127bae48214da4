import { Field, fieldValue } from '../wire/field.ts';
import { responseHead } from '../wire/heads.ts';
import type { RequestHead, ServerStream } from '../wire/stream.ts';

/**
 * An error that the proxy itself makes, as the client sees it. The status mapping is Linkerd's
 * (linkerd/app/core/src/errors/respond.rs); `kind` is the value of the `error` label of the error metrics.
 */
export interface ProxyFailure {
  readonly kind: string;
  readonly status: number;
  readonly grpcStatus: number;
  readonly message: string;
}

const failure = (kind: string, status: number, grpcStatus: number, message: string): ProxyFailure =>
  Object.freeze({ kind, status, grpcStatus, message });

export const failures = {
  failfast: failure('failfast', 504, 4, 'no endpoint became ready in time'),
  loadShed: failure('loadshed', 503, 14, 'too many requests are waiting'),
  connect: failure('connect', 502, 14, 'connecting to the endpoint failed'),
  connectTimeout: failure('connect timeout', 504, 4, 'connecting to the endpoint timed out'),
  closed: failure('i/o', 502, 14, 'the endpoint closed the connection before it answered'),
  identityRequired: failure(
    'identity required',
    502,
    14,
    'the endpoint could not prove the identity that was required',
  ),
  noEndpoints: failure('failfast', 503, 14, 'the service has no ready endpoint'),
  noRoute: failure('no route', 404, 5, 'no route of the server fits the request'),
  notFound: failure('not found', 404, 5, 'the request names no known target'),
  unauthorized: failure('unauthorized', 403, 7, 'the client is not authorized'),
  notReady: failure('not ready', 503, 14, 'the proxy has no certificate yet'),
  loop: failure('gateway loop', 508, 10, 'the request would loop back to this proxy'),
  unexpected: failure('unexpected', 500, 13, 'unexpected error'),
} as const;

/** True for a gRPC request, by its content type. */
export function isGrpc(head: RequestHead): boolean {
  const type = fieldValue(head.fields, 'content-type');
  return type?.startsWith('application/grpc') ?? false;
}

/**
 * Answers a request with a failure: a trailers-only response to gRPC, an empty one with the status otherwise.
 * `detail` goes to meshed peers only, as `l5d-proxy-error`.
 */
export function respondFailure(
  stream: ServerStream,
  grpc: boolean,
  failure: ProxyFailure,
  informational: boolean,
): void {
  const fields: Field[] = [];
  if (grpc) {
    fields.push(new Field('content-type', 'application/grpc'));
    fields.push(new Field('grpc-status', String(failure.grpcStatus)));
    fields.push(new Field('grpc-message', failure.message));
  }
  if (informational) fields.push(new Field('l5d-proxy-error', failure.message));
  stream.sendResponse(responseHead(grpc ? 200 : failure.status, grpc ? -1 : 0, fields), true);
}
