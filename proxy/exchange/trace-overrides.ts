import { overrideIn, overridesOf, traceIdOf, withOverride, withoutOverride } from '../route/request-override.ts';
import { Deadline, type TimerWheel } from '../timer-wheel.ts';
import { FieldMark } from '../wire/field.ts';
import type { Exchange } from './exchange.ts';

/** So many traces at a time: what comes beyond them is passed on by applications that pass on baggage. */
const mostTraces = 4096;
/** Of one trace, so many requests that are under way are looked at to tell whether it is over. */
const mostExchanges = 16;
/** What a request brings about may go on for so long when it is over, and for as long again. */
const rememberedMs = 2500;

/**
 * What requests to this workload ask for, by the trace that they belong to. Applications that pass on `traceparent` and
 * no baggage have it added to what they send within that trace.
 */
export class TraceOverrides {
  private readonly deadlines: TimerWheel;
  private readonly traces = new Map<string, OverriddenTrace>();

  constructor(deadlines: TimerWheel) {
    this.deadlines = deadlines;
  }

  /** None is known, the usual case. */
  get isEmpty(): boolean {
    return this.traces.size === 0;
  }

  /**
   * A request with baggage has come to the workload, and is let in. What clients ask for that are not of the mesh goes no
   * further: they may be anybody.
   */
  take(exchange: Exchange, isMeshed: boolean): void {
    if (exchange.finished) return;
    const { outgoing } = exchange;
    if (!isMeshed) {
      exchange.outgoing = withoutOverride(outgoing);
      return;
    }
    const traceId = traceIdOf(outgoing);
    const value = traceId === undefined ? undefined : overrideIn(outgoing.fields);
    if (traceId === undefined || value === undefined || overridesOf(value) === undefined) return;
    let trace = this.traces.get(traceId);
    if (trace === undefined) {
      if (this.traces.size >= mostTraces) return;
      trace = new OverriddenTrace(value, () => this.look(traceId));
      this.traces.set(traceId, trace);
      this.deadlines.arm(trace, rememberedMs);
    }
    trace.add(exchange);
  }

  /** A request of the workload is about to be sent: one of such a trace that has no baggage gets some. */
  addTo(exchange: Exchange): void {
    const { outgoing } = exchange;
    if ((outgoing.marks & FieldMark.baggage) !== 0) return;
    const traceId = traceIdOf(outgoing);
    const trace = traceId === undefined ? undefined : this.traces.get(traceId);
    if (trace !== undefined) exchange.outgoing = withOverride(outgoing, trace.value);
  }

  /** Forgets a trace of which nothing was under way for a while. */
  private look(traceId: string): void {
    const trace = this.traces.get(traceId);
    if (trace === undefined) return;
    if (trace.isUsed) this.deadlines.arm(trace, rememberedMs);
    else this.traces.delete(traceId);
  }
}

/** A trace whose requests ask for something: the first of them says what. */
class OverriddenTrace extends Deadline {
  readonly value: string;
  private exchanges: readonly Exchange[] = [];
  private readonly onDue: () => void;
  private wasUsed = false;

  constructor(value: string, onDue: () => void) {
    super();
    this.value = value;
    this.onDue = onDue;
  }

  add(exchange: Exchange): void {
    this.wasUsed = true;
    // It holds on to what they came with.
    this.forgetFinished();
    if (this.exchanges.length < mostExchanges) this.exchanges = [...this.exchanges, exchange];
  }

  /** Something was under way since this was asked last. */
  get isUsed(): boolean {
    const { wasUsed } = this;
    this.forgetFinished();
    // What is under way now may end just after, and is worth the whole time then.
    this.wasUsed = this.exchanges.length > 0;
    return wasUsed;
  }

  override onDeadline(): void {
    this.onDue();
  }

  private forgetFinished(): void {
    this.exchanges = this.exchanges.filter(({ finished }) => !finished);
  }
}
