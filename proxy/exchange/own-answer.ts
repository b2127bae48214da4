import type { Answer } from '../filter/filter.ts';
import { ErrorCode, type ResponseHead } from '../wire/stream.ts';
import { answerHead, failureHead } from './answer.ts';
import type { Exchange } from './exchange.ts';
import { failures, type ProxyFailure } from './proxy-failure.ts';

// How an exchange ends that the proxy answers by itself. What is over already stays as it is.

/** Answers as a filter or an authorizer has it. */
export function respond(exchange: Exchange, answer: Answer): void {
  if (exchange.finished) return;
  const { failure, status, grpcStatus, message } = answer;
  if (failure !== undefined) {
    fail(exchange, { ...failures[failure], status, grpcStatus, message });
    return;
  }
  const { grpc, downstream } = exchange;
  exchange.responded = true;
  exchange.status = grpc ? 200 : status;
  if (grpc) exchange.grpcStatus = grpcStatus;
  const end = grpc || answer.body === undefined || exchange.head.method === 'HEAD';
  send(exchange, answerHead(grpc, answer), end);
  if (!end && answer.body !== undefined) downstream.sendData(answer.body, true);
  exchange.finish(undefined);
}

/**
 * Answers with an error of the proxy's own; if a response is under way it is cut off instead. `retryAfterS` is when to
 * come again, 0 when that is not known.
 */
export function fail(
  exchange: Exchange,
  failure: ProxyFailure,
  detail: string | undefined = undefined,
  retryAfterS = 0,
): void {
  if (exchange.finished) return;
  const { grpc, origin } = exchange;
  exchange.failure = failure;
  exchange.detail = detail;
  if (exchange.responded) exchange.downstream.reset(ErrorCode.internalError, failure.message);
  else {
    exchange.responded = true;
    exchange.status = grpc ? 200 : failure.status;
    if (grpc) exchange.grpcStatus = failure.grpcStatus;
    send(exchange, failureHead(grpc, failure, origin.tellsWhy, detail, retryAfterS), true);
  }
  exchange.finish(failure.kind);
}

/**
 * Fails it where nothing was done with the request: a client's proxy may send it to another endpoint, and is told so
 * in the one word that HTTP/2 has for it.
 */
export function decline(exchange: Exchange, failure: ProxyFailure, detail: string | undefined): void {
  if (exchange.finished) return;
  const { origin } = exchange;
  if (exchange.responded || origin.version !== 'http2' || !origin.tellsWhy) {
    fail(exchange, failure, detail);
    return;
  }
  exchange.failure = failure;
  exchange.detail = detail;
  exchange.responded = true;
  exchange.downstream.reset(ErrorCode.refusedStream, failure.message);
  exchange.finish(failure.kind);
}

function send({ downstream, filters, head }: Exchange, own: ResponseHead, end: boolean): void {
  downstream.sendResponse(filters?.applyToOwnAnswer(own, head) ?? own, end);
}
