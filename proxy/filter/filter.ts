import type { Field } from '../wire/field.ts';
import type { RequestHead, ResponseHead } from '../wire/stream.ts';
import type { Delay } from './fault.ts';

/** In [0, 1). */
export type Random = () => number;

/** Changes a request, in a copy, or answers it. */
export interface RequestFilter {
  apply(head: RequestHead, random: Random): RequestHead | Answer;
  /** Whether it answers a request each time that it is asked; without, that is not known before. */
  answers?(head: RequestHead): boolean;
  /** It fails whatever comes. */
  readonly failsAll?: boolean;
}

/** Changes a response, in a copy. `asked` is the request as its client sent it. */
export interface ResponseFilter {
  apply(head: ResponseHead, asked: RequestHead): ResponseHead;
  /** It says who may read a response: also what this proxy answers in place of whom the request was for. */
  readonly permits?: boolean;
}

/** A filter that cannot do what it is to do: `message` says why. */
export class BadFilter extends Error {}

/** Why an answer is a failure of the proxy's own making. */
export type AnswerFailure = 'injected' | 'unsupportedFilter';

/** What a request is answered with by a filter or an authorizer, in place of whom it was for. */
export class Answer {
  /** For others than gRPC. */
  readonly status: number;
  readonly grpcStatus: number;
  /** What clients of gRPC are told, and all of them when it is a failure. */
  readonly message: string;
  readonly fields: readonly Field[];
  /** Undefined when it is none. */
  readonly failure: AnswerFailure | undefined;
  /** For others than gRPC; undefined without. */
  readonly body: Uint8Array | undefined;

  constructor(
    status: number,
    grpcStatus: number,
    message: string,
    fields: readonly Field[] = [],
    failure: AnswerFailure | undefined = undefined,
    body: Uint8Array | undefined = undefined,
  ) {
    this.status = status;
    this.grpcStatus = grpcStatus;
    this.message = message;
    this.fields = fields;
    this.failure = failure;
    this.body = body;
  }
}

/**
 * The filters of a rule or backend, made when policy changes. A request is delayed first; then its filters are applied
 * in their order until one answers. A response goes through those for responses in the same order.
 */
export class Filters {
  readonly delays: readonly Delay[];
  readonly request: readonly RequestFilter[];
  readonly response: readonly ResponseFilter[];

  constructor(delays: readonly Delay[], request: readonly RequestFilter[], response: readonly ResponseFilter[]) {
    this.delays = delays;
    this.request = request;
    this.response = response;
  }

  /** How long a request is to wait before anything else, in ms; 0 for not at all. */
  delayMs(random: Random): number {
    let ms = 0;
    for (let i = 0; i < this.delays.length; i++) ms += this.delays[i].nextMs(random);
    return ms;
  }

  /** Whether a request is answered here, whatever the other filters do: it goes on to nobody. */
  answers(head: RequestHead): boolean {
    return this.request[0]?.answers?.(head) === true;
  }

  /** Nothing that they stand before goes on: policy forbids it. */
  get failAll(): boolean {
    return this.request.some(({ failsAll }) => failsAll === true);
  }

  applyToRequest(head: RequestHead, random: Random): RequestHead | Answer {
    let current = head;
    for (let i = 0; i < this.request.length; i++) {
      const next = this.request[i].apply(current, random);
      if (next instanceof Answer) return next;
      current = next;
    }
    return current;
  }

  /** What the proxy answers by itself goes through those alone that say who may read it. */
  applyToOwnAnswer(head: ResponseHead, asked: RequestHead): ResponseHead {
    let current = head;
    for (const filter of this.response) if (filter.permits === true) current = filter.apply(current, asked);
    return current;
  }

  applyToResponse(head: ResponseHead, asked: RequestHead): ResponseHead {
    let current = head;
    for (let i = 0; i < this.response.length; i++) current = this.response[i].apply(current, asked);
    return current;
  }
}
