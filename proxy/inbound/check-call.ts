import type { WaitingPlace } from '../exchange/attempt-routing.ts';
import { Exchange } from '../exchange/exchange.ts';
import type { ExchangeSide } from '../exchange/exchange-side.ts';
import type { Origin } from '../exchange/origin.ts';
import { failures } from '../exchange/proxy-failure.ts';
import { AnswerReader } from '../ext-authz/answer-reader.ts';
import { readAnswer, type Verdict } from '../ext-authz/check-answer.ts';
import type { CheckPolicy } from '../ext-authz/check-policy.ts';
import { Deadline } from '../timer-wheel.ts';
import { Field, fieldValue, marksOfAll } from '../wire/field.ts';
import { ErrorCode, type RequestHead, type ResponseHead, type ServerStream } from '../wire/stream.ts';

/** What came of a check; `failed` says why nothing did. */
export type CheckOutcome = Exclude<Verdict, { decision: 'unreadable' }> | { decision: 'failed'; why: string };

/**
 * Marks the request of a check: where one comes in that would be checked in turn it is refused, for otherwise an authorizer
 * that is its own would ask itself for ever.
 */
export const checkMark = 'l5d-ext-authz';

/** It came by no connection: this proxy asks for itself. */
const ofProxy: Origin = Object.freeze({
  direction: 'outbound',
  version: 'http2',
  tellsWhy: false,
  clientAddress: '',
  clientPort: 0,
  clientTls: false,
  clientIdentity: undefined,
  address: '',
  port: 0,
});

/**
 * One question to an authorizer, a unary call of gRPC: the client of an exchange that is sent as any other.
 *
 *     asked --its connection closed unanswered--> asked once more
 *       '--answer, failure, or too late--> over: told
 *       '--the request that it is for is over--> over: told as undefined
 */
export class CheckCall extends Deadline implements ServerStream, WaitingPlace {
  private readonly policy: CheckPolicy;
  private readonly message: Uint8Array<ArrayBuffer>;
  private readonly grpc: boolean;
  private readonly side: ExchangeSide;
  private readonly sendTo: (authority: string, exchange: Exchange) => void;
  private readonly onOver: (outcome: CheckOutcome | undefined) => void;
  private exchange: Exchange | undefined = undefined;
  private reader = new AnswerReader();
  private grpcStatus: string | undefined = undefined;
  /** What ended it before its answer did. */
  private broken: string | undefined = undefined;
  private repeated = false;
  private cancelled = false;

  /** `onOver` is told once what came of it; undefined when it was called off. */
  constructor(
    policy: CheckPolicy,
    message: Uint8Array<ArrayBuffer>,
    grpc: boolean,
    side: ExchangeSide,
    sendTo: (authority: string, exchange: Exchange) => void,
    onOver: (outcome: CheckOutcome | undefined) => void,
  ) {
    super();
    this.policy = policy;
    this.message = message;
    this.grpc = grpc;
    this.side = side;
    this.sendTo = sendTo;
    this.onOver = onOver;
  }

  start(): void {
    this.side.deadlines.arm(this, this.policy.timeoutMs);
    this.send();
  }

  /** The request that it is for is over. */
  cancel(): void {
    if (this.exchange === undefined) return;
    this.cancelled = true;
    this.giveUp('not wanted any more');
  }

  override onDeadline(): void {
    this.giveUp(`no answer in ${this.policy.timeoutMs} ms`);
  }

  /** @internal its exchange is over, whoever ended it */
  onFinish(): void {
    const failure = this.exchange?.failure;
    const detail = this.exchange?.detail;
    this.exchange = undefined;
    if (failure === failures.closed && !this.repeated && this.broken === undefined) {
      this.repeated = true;
      this.reader = new AnswerReader();
      this.grpcStatus = undefined;
      this.send();
      return;
    }
    this.side.deadlines.disarm(this);
    if (this.cancelled) this.onOver(undefined);
    else if (failure !== undefined) this.fail(detail === undefined ? failure.message : `${failure.message}: ${detail}`);
    else this.settle();
  }

  // The response.

  sendInformational(): void {}

  sendResponse({ status, fields }: ResponseHead, end: boolean): void {
    this.grpcStatus = fieldValue(fields, 'grpc-status');
    if (end || this.grpcStatus !== undefined) return;
    if (status !== 200) this.giveUp(`it answers with HTTP status ${status}`);
    else if (!fieldValue(fields, 'content-type')?.startsWith('application/grpc')) this.giveUp('it does not speak gRPC');
  }

  sendData(chunk: Uint8Array): void {
    if (this.broken !== undefined) return;
    const problem = this.reader.push(chunk);
    if (problem !== undefined) {
      this.giveUp(problem);
      return;
    }
    this.exchange?.onSent(chunk.length);
  }

  sendTrailers(fields: readonly Field[]): void {
    this.grpcStatus = fieldValue(fields, 'grpc-status');
  }

  reset(code: ErrorCode, reason: string): void {
    if (code !== ErrorCode.noError) this.broken ??= reason;
  }

  credit(): void {}

  private send(): void {
    const { policy, message, side } = this;
    const exchange = new Exchange(side, this, headOf(policy), false, ofProxy, 'http2');
    exchange.outgoing = exchange.head;
    this.exchange = exchange;
    this.sendTo(policy.authority, exchange);
    exchange.onData(message, true);
  }

  private giveUp(why: string): void {
    this.broken ??= why;
    this.exchange?.onReset(ErrorCode.cancel, why);
  }

  private settle(): void {
    const { grpcStatus } = this;
    const { message } = this.reader;
    if (this.broken !== undefined) this.fail(this.broken);
    else if (grpcStatus !== '0') {
      this.fail(
        grpcStatus === undefined ? 'it answers without a status' : `it answers with gRPC status ${shown(grpcStatus)}`,
      );
    } else if (message === undefined) this.fail('it answers nothing');
    else {
      const verdict = readAnswer(message, this.policy, this.grpc);
      if (verdict.decision === 'unreadable') this.fail(verdict.why);
      else this.onOver(verdict);
    }
  }

  private fail(why: string): void {
    this.onOver({ decision: 'failed', why });
  }
}

/** What stands in a status is the peer's. */
const shown = (status: string): string => (/^\d{1,3}$/.test(status) ? status : 'that is none');

function headOf({ authority, timeoutMs }: CheckPolicy): RequestHead {
  const fields = [
    new Field('te', 'trailers'),
    new Field('content-type', 'application/grpc'),
    new Field('grpc-timeout', `${Math.ceil(timeoutMs)}m`),
    new Field(checkMark, '1'),
  ];
  return {
    method: 'POST',
    scheme: 'http',
    authority,
    path: '/envoy.service.auth.v3.Authorization/Check',
    contentLength: -1,
    upgrade: undefined,
    absoluteForm: false,
    fields,
    marks: marksOfAll(fields),
  };
}
