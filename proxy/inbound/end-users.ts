import type { Exchange } from '../exchange/exchange.ts';
import { fail } from '../exchange/own-answer.ts';
import { failures } from '../exchange/proxy-failure.ts';
import type { KnownPortPolicy } from '../policy/inbound/port-policy.ts';
import type { LimitedLog } from '../telemetry/limited-log.ts';
import type { EndUsers, Refusal } from '../tokens/end-users.ts';
import { outgoingHead } from '../tokens/outgoing.ts';
import type { TokenPolicy } from '../tokens/token-policy.ts';
import type { KeptToken } from '../tokens/verified-tokens.ts';
import type { StreamHandler } from '../wire/stream.ts';
import type { Incoming } from './incoming.ts';
import { decisionFields, decisionKey } from './policy-log.ts';
import { WithoutNames } from './without-names.ts';

export interface EndUserOptions {
  endUsers: EndUsers;
  /** Of what clients bring about. */
  peerLog: LimitedLog;
}

/** Requests of one connection whose tokens are checked at a time: what a client sends beyond is refused. */
const maxChecks = 64;

const failureOf = {
  missing: failures.tokenMissing,
  invalid: failures.tokenInvalid,
  claims: failures.claimsMissing,
  unknown: failures.tokenUnchecked,
  busy: failures.loadShed,
} as const;

/**
 * The requests of one connection that bring tokens of end users. One whose token is known to hold goes on at once; one
 * with another waits, as a request does for an endpoint: its body is kept as far as its client has credit.
 */
export class EndUserGate {
  private readonly options: EndUserOptions;
  private readonly incoming: Incoming;
  private readonly policy: KnownPortPolicy;
  private checking = 0;

  constructor(options: EndUserOptions, incoming: Incoming, policy: KnownPortPolicy) {
    this.options = options;
    this.incoming = incoming;
    this.policy = policy;
  }

  /** Calls `letIn` once the token of a request holds by all of `policies`, or fails it. Returns who gets its rest. */
  admit(exchange: Exchange, policies: readonly TokenPolicy[], letIn: () => void): StreamHandler {
    this.goOn(exchange, policies, 0, letIn);
    const claimHeaders = policies[0]?.claimHeaders;
    return claimHeaders === undefined || claimHeaders.size === 0 ? exchange : new WithoutNames(exchange, claimHeaders);
  }

  private goOn(exchange: Exchange, policies: readonly TokenPolicy[], from: number, letIn: () => void): void {
    if (exchange.finished) return;
    const { endUsers } = this.options;
    for (let i = from; i < policies.length; i++) {
      const policy = policies[i];
      const look = endUsers.look(policy, exchange.head);
      if (look !== undefined && 'token' in look) {
        if (this.checking >= maxChecks) {
          fail(exchange, failures.loadShed);
          return;
        }
        this.checking++;
        endUsers.check(policy, look, (verdict) => {
          this.checking--;
          if (this.take(exchange, policy, verdict)) this.goOn(exchange, policies, i + 1, letIn);
        });
        return;
      }
      if (!this.take(exchange, policy, look)) return;
    }
    letIn();
  }

  /** Whether a request may go on; what goes on of it is put down. */
  private take(exchange: Exchange, policy: TokenPolicy, verdict: KeptToken | Refusal | undefined): boolean {
    if (exchange.finished) return false;
    if (verdict !== undefined && 'refused' in verdict) {
      this.refuse(exchange, verdict);
      return false;
    }
    exchange.outgoing = outgoingHead(policy, exchange.outgoing, verdict);
    return true;
  }

  /** Whose token it is stands in no log: what it claims is personal, and nobody has vouched for it. */
  private refuse(exchange: Exchange, { refused, why }: Refusal): void {
    const { incoming, policy } = this;
    const fields = decisionFields(incoming, policy.current, undefined, undefined);
    this.options.peerLog.info(decisionKey('end user refused', incoming), 'end user refused', { ...fields, why });
    fail(exchange, failureOf[refused], refused === 'missing' ? undefined : why);
  }
}
