import type { Answer, Filters } from '../filter/filter.ts';
import { Field, FieldMark, fieldValue } from '../wire/field.ts';
import { responseHead } from '../wire/heads.ts';
import type { RequestHead, ResponseHead, ServerStream, StreamHandler } from '../wire/stream.ts';
import type { ProxyFailure } from './proxy-failure.ts';

/** True for a gRPC request, by its content type. */
export function isGrpc(head: RequestHead): boolean {
  if ((head.marks & FieldMark.contentType) === 0) return false;
  return fieldValue(head.fields, 'content-type')?.startsWith('application/grpc') ?? false;
}

/** Longest cause that is told to a client. */
const maxDetailLength = 200;

/**
 * What answers a request with a failure: a trailers-only response to gRPC, an empty one with the status otherwise.
 * `tellsWhy` is set for meshed peers and the workload itself only: they get the message, and `detail` as its cause, in
 * `l5d-proxy-error`. `retryAfterS` is told to all, unless it is 0, and so is what is wrong with the token of an
 * end user, by `www-authenticate`.
 */
export function failureHead(
  grpc: boolean,
  failure: ProxyFailure,
  tellsWhy: boolean,
  detail: string | undefined,
  retryAfterS: number,
): ResponseHead {
  const fields: Field[] = [];
  if (grpc) {
    fields.push(new Field('content-type', 'application/grpc'));
    fields.push(new Field('grpc-status', String(failure.grpcStatus)));
    fields.push(new Field('grpc-message', failure.message));
  }
  if (failure.challenge !== undefined) {
    const why = detail === undefined ? '' : `, error_description="${printable(detail).replace(/["\\]/g, ' ')}"`;
    fields.push(new Field('www-authenticate', failure.challenge + why));
  }
  if (tellsWhy) {
    const why = detail === undefined ? failure.message : `${failure.message}: ${printable(detail)}`;
    fields.push(new Field('l5d-proxy-error', why));
  }
  if (retryAfterS > 0) fields.push(new Field('retry-after', String(retryAfterS)));
  return responseHead(grpc ? 200 : failure.status, grpc ? -1 : 0, fields);
}

/**
 * What answers a request as a filter or an authorizer has it, where that is no failure: a redirect is none that gRPC knows,
 * and a body none that it gets.
 */
export function answerHead(grpc: boolean, { status, grpcStatus, message, fields, body }: Answer): ResponseHead {
  if (!grpc) return responseHead(status, body?.length ?? 0, fields);
  const ofGrpc = [
    new Field('content-type', 'application/grpc'),
    new Field('grpc-status', String(grpcStatus)),
    new Field('grpc-message', message),
  ];
  return responseHead(200, -1, [...ofGrpc, ...fields]);
}

/** Fit for a field value, whatever the runtime or a peer made of it. */
export function printable(text: string): string {
  return text
    .slice(0, maxDetailLength)
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim();
}

/** Takes the rest of a request that has been answered already. */
export function dropRest(stream: ServerStream): StreamHandler {
  return {
    onData: (chunk) => stream.credit(chunk.length),
    onTrailers: () => {},
    onSent: () => {},
    onReset: () => {},
  };
}

/** Refuses a request before it has become an exchange, and takes the rest of it. `filters` are those of its route. */
export function refuse(
  stream: ServerStream,
  head: RequestHead,
  end: boolean,
  failure: ProxyFailure,
  tellsWhy: boolean,
  detail: string | undefined = undefined,
  retryAfterS = 0,
  filters: Filters | undefined = undefined,
): StreamHandler {
  const own = failureHead(isGrpc(head), failure, tellsWhy, detail, retryAfterS);
  stream.sendResponse(filters === undefined ? own : filters.applyToOwnAnswer(own, head), true);
  // An HTTP/2 client need not send what nobody reads.
  if (!end) stream.reset(0, failure.message);
  return dropRest(stream);
}
