import type { Exchange } from '../exchange/exchange.ts';
import { fail, respond } from '../exchange/own-answer.ts';
import type { RoutePlan } from '../exchange/plan.ts';
import { failures } from '../exchange/proxy-failure.ts';
import type { ResponseField } from '../ext-authz/check-answer.ts';
import type { CheckDecision, CheckPolicy } from '../ext-authz/check-policy.ts';
import type { Peer } from '../ext-authz/check-request.ts';
import type { CheckRefusal } from '../ext-authz/check-shares.ts';
import { allowedHead, withResponseFields } from '../ext-authz/heads.ts';
import type { KnownPortPolicy } from '../policy/inbound/port-policy.ts';
import type { LimitedLog } from '../telemetry/limited-log.ts';
import { FieldMark, fieldValue } from '../wire/field.ts';
import type { Connection } from '../wire/transport.ts';
import { type CheckOutcome, checkMark } from './check-call.ts';
import { CheckCounts } from './check-counts.ts';
import type { Checks } from './checks.ts';
import type { Incoming } from './incoming.ts';
import type { InboundMetrics } from './metrics.ts';
import { decisionFields, decisionKey } from './policy-log.ts';

export interface CheckGateOptions {
  checks: Checks;
  metrics: InboundMetrics;
  /** Of what clients bring about. */
  peerLog: LimitedLog;
  /** The identity of the workload; undefined without one. */
  localName: string | undefined;
}

/**
 * The requests of one connection that an authorizer is asked about. Each waits for the answer as it would for an endpoint:
 * its body is kept as far as its client has credit.
 */
export class CheckGate {
  private readonly options: CheckGateOptions;
  private readonly incoming: Incoming;
  private readonly policy: KnownPortPolicy;
  private readonly ends: { readonly source: Peer; readonly destination: Peer };
  private readonly counts: CheckCounts;

  constructor(options: CheckGateOptions, connection: Connection, incoming: Incoming, policy: KnownPortPolicy) {
    this.options = options;
    this.incoming = incoming;
    this.policy = policy;
    const { address, port, client } = incoming;
    const { remoteAddress, remotePort } = connection;
    this.ends = {
      source: { address: remoteAddress, port: remotePort, identity: client.identity },
      destination: { address, port, identity: options.localName },
    };
    this.counts = new CheckCounts(options.metrics, incoming, policy);
  }

  /**
   * Once each of `checks` has let a request in, calls `letIn` with the plan to begin it by, which is `plan` and what they
   * have said of the response; or answers it as one of them has it.
   */
  admit(exchange: Exchange, checks: readonly CheckPolicy[], plan: RoutePlan, letIn: (plan: RoutePlan) => void): void {
    this.goOn(exchange, checks, 0, [], (added) =>
      letIn(added.length === 0 ? plan : { ...plan, filters: withResponseFields(plan.filters, added) }),
    );
  }

  /** The connection is over, or has another policy. */
  forgetCounts(nowMs: number): void {
    this.counts.forget(nowMs);
  }

  private goOn(
    exchange: Exchange,
    policies: readonly CheckPolicy[],
    index: number,
    added: readonly ResponseField[],
    letIn: (added: readonly ResponseField[]) => void,
  ): void {
    if (exchange.finished) return;
    if (index === policies.length) {
      letIn(added);
      return;
    }
    if (isCheck(exchange)) {
      fail(exchange, failures.loop, 'a check is not checked in turn');
      return;
    }
    const policy = policies[index];
    const goOn = (more: readonly ResponseField[]) =>
      this.goOn(exchange, policies, index + 1, more.length === 0 ? added : [...added, ...more], letIn);
    if (policy.unusable !== undefined) {
      this.onFailed(exchange, policy, policy.unusable, goOn);
      return;
    }
    const call = this.options.checks.ask(policy, exchange, this.ends, this.counts.time(policy), (outcome) => {
      exchange.waitsFor = undefined;
      this.onOutcome(exchange, policy, outcome, goOn);
    });
    if (typeof call === 'string') this.refuse(exchange, policy, call);
    else {
      exchange.waitsFor = call;
      call.start();
    }
  }

  /** Whatever the policy says of failures: who writes the headers, or sends the most, would else choose that nobody is asked. */
  private refuse(exchange: Exchange, policy: CheckPolicy, why: CheckRefusal | 'untellable'): void {
    this.tellFailed(policy, 'failed_closed', why);
    if (why === 'untellable') {
      fail(exchange, failures.extAuthzFailed, 'its headers are too many to be told the authorizer');
    } else if (why === 'overload') fail(exchange, failures.extAuthzOverload);
    else {
      exchange.budget?.refuseCheck();
      fail(exchange, failures.extAuthzOverload, 'its client has too many that wait');
    }
  }

  private onOutcome(
    exchange: Exchange,
    policy: CheckPolicy,
    outcome: CheckOutcome,
    goOn: (added: readonly ResponseField[]) => void,
  ): void {
    if (outcome.decision === 'failed') {
      this.onFailed(exchange, policy, outcome.why, goOn);
      return;
    }
    this.count(policy, outcome.decision);
    if (outcome.leftOut > 0) this.counts.leftOut(policy, outcome.leftOut);
    if (outcome.decision === 'denied') {
      respond(exchange, outcome.answer);
      return;
    }
    exchange.outgoing = allowedHead(exchange.outgoing, outcome);
    goOn(outcome.response);
  }

  /** The authorizer has not said whether it may come in. */
  private onFailed(exchange: Exchange, policy: CheckPolicy, why: string, goOn: (added: []) => void): void {
    this.tellFailed(policy, policy.failOpen ? 'failed_open' : 'failed_closed', why);
    if (policy.failOpen) goOn([]);
    else fail(exchange, failures.extAuthzFailed, why);
  }

  private tellFailed(policy: CheckPolicy, decision: CheckDecision, why: string): void {
    this.count(policy, decision);
    const { incoming } = this;
    const { group, kind, name } = policy.labels;
    this.options.peerLog.warn(decisionKey('external authorization failed', incoming), 'external authorization failed', {
      ...decisionFields(incoming, this.policy.current, undefined, undefined),
      authorizer: policy.authority,
      object: `${group}/${kind}/${name}`,
      decision,
      why,
    });
  }

  private count(policy: CheckPolicy, decision: CheckDecision): void {
    this.counts.of(policy, decision).value++;
  }
}

/** The request is a check itself. */
const isCheck = ({ head }: Exchange): boolean =>
  (head.marks & FieldMark.mesh) !== 0 && fieldValue(head.fields, checkMark) !== undefined;
