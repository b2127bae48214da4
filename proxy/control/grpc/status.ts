import { ErrorCode } from '../../wire/stream.ts';

/** Status codes of gRPC (grpc/grpc doc/statuscodes.md). */
export const Status = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** What a response without `grpc-status` means (grpc/grpc doc/http-grpc-status-mapping.md). */
export function statusOfHttp(httpStatus: number): number {
  switch (httpStatus) {
    case 400:
      return Status.internal;
    case 401:
      return Status.unauthenticated;
    case 403:
      return Status.permissionDenied;
    case 404:
      return Status.unimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return Status.unavailable;
    default:
      return Status.unknown;
  }
}

/** What a reset stream means (grpc/grpc doc/PROTOCOL-HTTP2.md, "Errors"). */
export function statusOfReset(code: ErrorCode): number {
  switch (code) {
    case ErrorCode.refusedStream:
      return Status.unavailable;
    case ErrorCode.cancel:
      return Status.cancelled;
    case ErrorCode.enhanceYourCalm:
      return Status.resourceExhausted;
    case ErrorCode.inadequateSecurity:
      return Status.permissionDenied;
    default:
      return Status.internal;
  }
}
