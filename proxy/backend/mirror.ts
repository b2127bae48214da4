import type { Attempt } from '../exchange/attempt.ts';
import type { Copier } from '../exchange/attempt-routing.ts';
import { Exchange } from '../exchange/exchange.ts';
import type { ExchangeSide } from '../exchange/exchange-side.ts';
import type { ExchangeObserver } from '../exchange/observers.ts';
import { plainPlan, type RoutePlan, type Sender } from '../exchange/plan.ts';
import { KeptBytes } from '../exchange/request-body.ts';
import { hits, type Ratio } from '../filter/ratio.ts';
import type { Count } from '../telemetry/registry.ts';
import { withFields } from '../wire/heads.ts';
import type { Backend } from './backend.ts';
import type { BackendHealth } from './endpoint-health.ts';
import { type CopyEnd, MirrorCopy, type MirrorShare } from './mirror-copy.ts';

/** What became of a copy: its end, or that there were too many for it to be made. */
export type MirrorOutcome = CopyEnd | 'too many';

/** Copies of one mirror under way; beyond it no more are made. */
const mostCopies = 1000;
/** Bytes of bodies that all copies of one mirror have been given and have not passed on. */
const mostBytes = 16 * 1024 * 1024;
/** Of those, what is kept to be sent a second time where a server has refused it. */
const mostKeptBytes = 4 * 1024 * 1024;

/**
 * Sends copies of a share of the requests to another backend, whose answers go nowhere.
 *
 * A copy is an exchange of its own, whose client is the body of the first: it has its own tries and its own bounds, and
 * nothing that becomes of it is noticed by the request. One that cannot keep up with its request is given up.
 */
export class Mirror implements Copier, ExchangeObserver, MirrorShare {
  readonly mostBytes = mostBytes;
  usedBytes = 0;
  private readonly plan: RoutePlan;
  private readonly ratio: Ratio | undefined;
  private readonly countOf: (outcome: MirrorOutcome) => Count;
  private readonly counts = new Map<MirrorOutcome, Count>();
  private copies = 0;
  private isReleased = false;
  /** That of the requests, with what is the mirror's own; undefined before the first. */
  private side: ExchangeSide | undefined = undefined;

  /** `sender` leads to the other backend; `countOf` is the series where copies of an outcome are counted. */
  constructor(sender: Sender, ratio: Ratio | undefined, countOf: (outcome: MirrorOutcome) => Count) {
    // A copy is not worth a retry, a timeout of its rule or a filter.
    this.plan = plainPlan(sender);
    this.ratio = ratio;
    this.countOf = countOf;
  }

  /** Makes a copy of a request of whose body nothing was sent, if it is of the share. Tunnels are not copied. */
  copy({ exchange, sharedHead: head, trace }: Attempt): void {
    if (head.upgrade !== undefined || head.method === 'CONNECT') return;
    if (!hits(this.ratio, exchange.side.clock.random)) return;
    if (this.copies >= mostCopies) {
      this.count('too many', exchange);
      return;
    }
    this.copies++;
    this.side ??= { ...exchange.side, observers: [this], keptBytes: new KeptBytes(mostKeptBytes) };
    const { body, applicationVersion } = exchange;
    const copy = new MirrorCopy(this.side, this);
    // The head as it came says through how many sidecars it has been; that of the backend is what goes on.
    const shadow = new Exchange(
      this.side,
      copy,
      exchange.head,
      body === undefined,
      exchange.origin,
      applicationVersion,
    );
    // What a try says of its trace stands behind its head.
    shadow.outgoing = trace === undefined ? head : withFields(head, [...head.fields, ...trace.fields]);
    copy.start(shadow, this.plan);
    body?.tee(copy);
  }

  /** A copy is over. */
  onFinish(copy: Exchange): void {
    this.copies--;
    this.count((copy.downstream as MirrorCopy).finish(copy.error), copy);
  }

  /** Gives back its counters: nobody sends by it any more, but for what is under way, which is counted all the same. */
  release(nowMs: number): void {
    this.isReleased = true;
    for (const count of this.counts.values()) count.release(nowMs);
    this.counts.clear();
  }

  private count(outcome: MirrorOutcome, { side: { clock } }: Exchange): void {
    let count = this.counts.get(outcome);
    if (count === undefined) {
      count = this.countOf(outcome);
      if (this.isReleased) count.release(clock.nowMs());
      else this.counts.set(outcome, count);
    }
    count.value++;
  }
}

/** Sends tries on, and has one of each request copied. */
abstract class WithMirrors implements Backend {
  protected readonly backend: Backend;
  protected readonly mirrors: readonly Mirror[];

  constructor(backend: Backend, mirrors: readonly Mirror[]) {
    this.backend = backend;
    this.mirrors = mirrors;
  }

  abstract send(attempt: Attempt): void;

  get isAvailable(): boolean {
    return this.backend.isAvailable;
  }

  get health(): BackendHealth | undefined {
    return this.backend.health;
  }
}

/** The mirrors of a rule: its requests are copied as they come, wherever they go. */
export class Mirrored extends WithMirrors {
  send(attempt: Attempt): void {
    if (attempt.exchange.attempts === 1) {
      for (let i = 0; i < this.mirrors.length; i++) this.mirrors[i].copy(attempt);
    }
    this.backend.send(attempt);
  }
}

/** The mirrors of a backend: the first try that is sent is copied where it is sent, and not where it has waited in vain. */
export class MirroredWhenSent extends WithMirrors {
  send(attempt: Attempt): void {
    attempt.copiers = this.mirrors;
    this.backend.send(attempt);
  }
}
