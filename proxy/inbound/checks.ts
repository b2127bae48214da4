import type { Exchange } from '../exchange/exchange.ts';
import type { ExchangeSide } from '../exchange/exchange-side.ts';
import type { ExchangeObserver } from '../exchange/observers.ts';
import { KeptBytes } from '../exchange/request-body.ts';
import type { CheckPolicy } from '../ext-authz/check-policy.ts';
import { type Asked, checkRequest } from '../ext-authz/check-request.ts';
import { type CheckRefusal, CheckShares } from '../ext-authz/check-shares.ts';
import type { Histogram } from '../telemetry/families.ts';
import { CheckCall, type CheckOutcome } from './check-call.ts';

export interface ChecksOptions {
  /** That of requests which this workload sends. */
  side: Pick<ExchangeSide, 'clock' | 'deadlines'>;
  /** Sends a request to who has an authority, as any that the workload sends itself. */
  sendTo: (authority: string, exchange: Exchange) => void;
  /** Time since the epoch. */
  wallClockMs: () => number;
}

/** Of a request's body, as of a mirror's, so much is kept for a second try where a server refuses the first. */
const mostKeptBytes = 4 * 1024 * 1024;

/**
 * The checks of external authorization that are under way in a process. Each is an exchange of its own whose client is the
 * check itself (`CheckCall`), sent the way of any request of the workload: so an authorizer is discovered, balanced and met
 * with the mesh's TLS like any service, and its own policy sees who asks.
 */
export class Checks implements ExchangeObserver {
  private readonly options: ChecksOptions;
  private readonly side: ExchangeSide;
  private readonly shares = new CheckShares();

  constructor(options: ChecksOptions) {
    this.options = options;
    const { clock, deadlines } = options.side;
    this.side = { clock, deadlines, observers: [this], keptBytes: new KeptBytes(mostKeptBytes) };
  }

  /** Requests that wait for an authorizer's answer. */
  get underWay(): number {
    return this.shares.checks;
  }

  /**
   * The question whether a request may come in, to be started: it calls back once, unless it is called off, and `time` is
   * told how long it took. Nothing is asked when the headers are too many to be told, there are too many checks, or the
   * client alone, which is an identity or else an address, has as many as it may.
   */
  ask(
    policy: CheckPolicy,
    request: Exchange,
    ends: Pick<Asked, 'source' | 'destination'>,
    time: Pick<Histogram, 'observe'>,
    onOver: (outcome: CheckOutcome) => void,
  ): CheckCall | CheckRefusal | 'untellable' {
    const { shares } = this;
    const { address, identity } = ends.source;
    const client = identity ?? address;
    const isMeshed = identity !== undefined;
    // What is asked costs something to write, and is not written for whom it is of no use.
    if (shares.isSpent(client, isMeshed, 0)) return 'share';
    const message = checkRequest(policy, request.outgoing, {
      ...ends,
      version: request.applicationVersion,
      isHeadOnly: request.isHeadOnly,
      nowMs: this.options.wallClockMs(),
    });
    if (message === undefined) return 'untellable';
    const { length } = message;
    const refusal = shares.take(client, isMeshed, length);
    if (refusal !== undefined) return refusal;
    const startMs = this.side.clock.nowMs();
    return new CheckCall(policy, message, request.grpc, this.side, this.options.sendTo, (outcome) => {
      shares.giveBack(client, length);
      if (outcome === undefined) return;
      time.observe(this.side.clock.nowMs() - startMs);
      onOver(outcome);
    });
  }

  onFinish(exchange: Exchange): void {
    exchange.plan?.counts?.over(exchange, this.side.clock.nowMs);
    (exchange.downstream as CheckCall).onFinish();
  }
}
