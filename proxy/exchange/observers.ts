import type { EndpointInfo } from '../model/endpoint-info.ts';
import type { ExemplarSource } from '../telemetry/exemplars.ts';
import type { Field } from '../wire/field.ts';
import type { RequestHead, ResponseHead } from '../wire/stream.ts';
import type { Attempt } from './attempt.ts';
import type { Exchange } from './exchange.ts';
import type { Origin } from './origin.ts';
import type { Decided } from './plan.ts';
import type { ProxyFailure } from './proxy-failure.ts';

/** What is told of an exchange as it goes by: on the hot path, so it reads and must not allocate. */
export interface ExchangeObserver {
  /** It is known what is to become of it: `exchange.plan` begins. A trace that is to follow it is put on it here. */
  onRequest?(exchange: Exchange): void;
  /** A connection has taken a try at it: the first, or a further one. */
  onSent?(attempt: Attempt): void;
  /** The head of the response is about to be passed on. */
  onResponse?(exchange: Exchange, head: ResponseHead): void;
  /** It is over, exactly once. `exchange.error` names the failure when the response did not end by itself. */
  onFinish(exchange: Exchange): void;
  /** A request was refused before it became an exchange. */
  onRefused?(origin: Origin, head: RequestHead, failure: ProxyFailure, decided: Decided | undefined): void;
}

/** Follows an exchange of a trace, and tells its tries what to say of that, and histograms which trace it is. */
export interface ExchangeTrace extends ExemplarSource {
  /** A try begins. Undefined when it says nothing. */
  begin(attempt: Attempt): AttemptTrace | undefined;
}

/** Follows one try of it. */
export interface AttemptTrace {
  /** Whether it wants to know when that was over: see `attempt.overMs`. */
  readonly isTimed: boolean;
  /** What the request says of its trace, written behind its head. */
  readonly fields: readonly Field[];
}

/** What is told of one try: the endpoint that has it. */
export interface AttemptObserver {
  /** The endpoint. */
  readonly info: EndpointInfo;
  /** Whether another endpoint is ready, which a try may go to in its place. */
  readonly hasOthers: boolean;
  /** What comes first behind the response's head has come, at `attempt.firstByteMs`. */
  onFirstByte(attempt: Attempt): void;
  /** It is over, exactly once; see `attempt.status`, `grpcStatus` and `error`. */
  onOver(attempt: Attempt): void;
}

/** Tells those who want to know that a request was refused before it became an exchange. */
export function tellRefused(
  observers: readonly ExchangeObserver[],
  origin: Origin,
  head: RequestHead,
  failure: ProxyFailure,
  decided: Decided | undefined,
): void {
  for (let i = 0; i < observers.length; i++) observers[i].onRefused?.(origin, head, failure, decided);
}
