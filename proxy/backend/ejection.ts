import { injectedFault } from '../../lib/contract/faults.ts';
import type { Clock } from '../clock.ts';
import type { Attempt } from '../exchange/attempt.ts';
import type { Breaker, Outcome, TripReason } from '../resilience/breaker/breaker.ts';
import { type Classification, classify, clientCancelled } from '../telemetry/classify.ts';
import { fieldValue } from '../wire/field.ts';
import { askedWaitMs, isLimited } from './asked-wait.ts';

/** The endpoint that is ejected and comes back. */
interface Ejectable {
  /** Whether it may be ejected now: not when it cannot be reached anyway, nor when too few would be left. */
  readonly mayBeEjected: boolean;
  /** It gets no request for so long. */
  leaveAlone(delayMs: number): void;
  /** The request of its probation has been given to it: it gets no other, and `onProbeDue` is called in time. */
  probe(delayMs: number): void;
  /** Looks at the probe again after so long. */
  lookAgain(delayMs: number): void;
  /** The probe is over: the endpoint is back, or may have another one. */
  probed(): void;
}

/** A probe that nothing has come of for so long has failed, where endpoints are never left alone for longer. */
const minProbeMs = 10_000;
/** A response of a probe that goes on for so long is a stream: that it has begun well is enough. */
const streamsMs = 1000;

/** What the circuit breaker of one endpoint makes of the answers that it gives. */
export class Ejection {
  private readonly endpoint: Ejectable;
  private readonly breaker: Breaker;
  private readonly clock: Clock;
  private probing: Attempt | undefined = undefined;
  /** Why the endpoint is out; undefined while it is in use. */
  reason: TripReason | undefined = undefined;
  /** What it answered last before it was ejected, for people. */
  lastAnswer = '';

  constructor(endpoint: Ejectable, breaker: Breaker, clock: Clock) {
    this.endpoint = endpoint;
    this.breaker = breaker;
    this.clock = clock;
  }

  /** The endpoint is on probation, and `attempt` is what it gets. */
  begin(attempt: Attempt): void {
    this.probing = attempt;
    this.endpoint.probe(Math.max(minProbeMs, this.breaker.maxDelayMs));
  }

  /** Nothing came of a try that says anything of the endpoint: it was not sent, or will be again. */
  onNothing(attempt: Attempt): void {
    if (attempt !== this.probing) return;
    this.probing = undefined;
    this.endpoint.probed();
  }

  /** Nobody wants its answer any more, which says nothing of the endpoint. But one that answers nothing is not to have the next request at once. */
  onGivenUp(attempt: Attempt): void {
    if (attempt.firstByteMs >= 0) this.onNothing(attempt);
    else if (attempt === this.probing) {
      this.probing = undefined;
      this.endpoint.leaveAlone(this.breaker.lastDelayMs);
    }
  }

  onFirstByte(attempt: Attempt): void {
    if (attempt === this.probing) this.endpoint.lookAgain(streamsMs);
  }

  /** A try that was sent is over. */
  onOver(attempt: Attempt, classification: Classification): void {
    const { status, grpcStatus, error } = attempt;
    if (error === clientCancelled) {
      this.onGivenUp(attempt);
      return;
    }
    if (classification === 'failure' && isInjected(attempt)) {
      this.onNothing(attempt);
      return;
    }
    const nowMs = this.clock.nowMs();
    const limited = isLimited(status, grpcStatus);
    const outcome: Outcome = classification === 'failure' ? 'failure' : limited ? 'limited' : 'success';
    if (outcome !== 'success' && this.breaker.honorsHints) {
      const waitMs = askedWaitMs(attempt, this.clock.wallMs());
      if (waitMs > 0) this.breaker.hint(waitMs, nowMs);
    }
    if (attempt === this.probing) this.judge(outcome, nowMs);
    // What was under way when the endpoint was ejected says nothing of how it does now.
    else if (this.reason === undefined) {
      const reason = this.breaker.record(outcome, nowMs);
      if (reason === undefined || !this.endpoint.mayBeEjected) return;
      this.reason = reason;
      this.lastAnswer = error ?? (grpcStatus < 0 ? `HTTP ${status}` : `gRPC status ${grpcStatus}`);
      this.endpoint.leaveAlone(this.breaker.delayMs(nowMs));
    }
  }

  /** The probe has taken long: a stream that has begun well will do, and one that nothing came of has failed. */
  onProbeDue(): void {
    const { probing } = this;
    if (probing === undefined) return;
    const { status, firstByteMs, exchange } = probing;
    const classification = exchange.plan?.classify(status, -1, undefined) ?? classify(status, -1, undefined);
    const hasBegunWell = firstByteMs >= 0 && classification === 'success' && !isLimited(status, -1);
    this.judge(hasBegunWell ? 'success' : 'failure', this.clock.nowMs());
  }

  private judge(outcome: Outcome, nowMs: number): void {
    this.probing = undefined;
    if (this.breaker.recovers(outcome, nowMs)) {
      this.reason = undefined;
      this.endpoint.probed();
    } else this.endpoint.leaveAlone(this.breaker.delayMs(nowMs));
  }
}

/** The endpoint's proxy failed it since a route has it fail some: that is none of the endpoint's doing. */
const isInjected = ({ fields }: Attempt): boolean =>
  fields !== undefined && fieldValue(fields, 'l5d-proxy-error')?.startsWith(injectedFault) === true;
