import { grpcStatus } from '../telemetry/classify.ts';
import type { Field } from '../wire/field.ts';
import { trailersWithoutMesh, withoutMeshFields } from '../wire/heads.ts';
import type { ResponseHead } from '../wire/stream.ts';
import type { Attempt } from './attempt.ts';
import type { Exchange } from './exchange.ts';
import { passedOn } from './peer-words.ts';

// How what a try is answered is passed on to the client, as it comes.

const nothing = new Uint8Array(0);

/** A head with a status below 200, before that of the response. */
export function passInformational(exchange: Exchange, head: ResponseHead): void {
  if (exchange.responded) return;
  if (head.status === 100) exchange.expectationMet();
  exchange.downstream.sendInformational(withoutMeshFields(head));
}

export function passHead(exchange: Exchange, attempt: Attempt, head: ResponseHead, end: boolean): void {
  exchange.responded = true;
  exchange.answered = true;
  exchange.status = head.status;
  if (exchange.tries !== undefined) {
    exchange.attempt = attempt;
    exchange.tries.onAnswer(attempt);
  }
  exchange.expectationMet();
  exchange.tunnel = head.status === 101 || (head.status < 300 && exchange.head.method === 'CONNECT');
  // What is spoken in a tunnel may take as long as it likes.
  if (exchange.tunnel) exchange.endTries();
  const { observers, downstream } = exchange;
  for (let i = 0; i < observers.length; i++) observers[i].onResponse?.(exchange, head);
  exchange.body?.release();
  let own = passedOn(head, downstream, exchange.origin.tellsWhy);
  if (attempt.filters !== undefined) own = attempt.filters.applyToResponse(own, exchange.head);
  if (exchange.plan?.filters !== undefined) own = exchange.plan.filters.applyToResponse(own, exchange.head);
  downstream.sendResponse(own, end);
  if (end) ended(exchange, attempt, head.fields);
}

export function passData(exchange: Exchange, attempt: Attempt, chunk: Uint8Array, end: boolean): void {
  exchange.progress++;
  exchange.responseBytes += chunk.length;
  const { responseListeners } = exchange;
  if (responseListeners !== undefined) for (const each of responseListeners) each.onBody(chunk, end);
  exchange.downstream.sendData(chunk, end);
  if (end) ended(exchange, attempt, undefined);
}

export function passTrailers(exchange: Exchange, attempt: Attempt, fields: readonly Field[]): void {
  const own = trailersWithoutMesh(fields);
  if (own.length > 0) exchange.downstream.sendTrailers(own);
  else exchange.downstream.sendData(nothing, true);
  ended(exchange, attempt, fields);
}

/** Each half of a tunnel ends for itself; the exchange does when both have. */
export function endTunnelIfOver(exchange: Exchange): void {
  if (!exchange.tunnel || !exchange.responseEnded || exchange.finished || !(exchange.body?.complete ?? true)) return;
  exchange.attempt?.finish(undefined);
  exchange.finish(undefined);
}

/** `last` are the fields that a status of gRPC stands in; undefined where none came behind the body. */
function ended(exchange: Exchange, attempt: Attempt, last: readonly Field[] | undefined): void {
  exchange.responseEnded = true;
  if (exchange.grpc) {
    const status = grpcStatus(last);
    exchange.grpcStatus = status;
    attempt.grpcStatus = status;
  }
  if (exchange.tunnel) {
    endTunnelIfOver(exchange);
    return;
  }
  attempt.finish(undefined);
  exchange.finish(undefined);
}
