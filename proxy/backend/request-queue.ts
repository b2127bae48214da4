import type { Attempt } from '../exchange/attempt.ts';
import { Deadline, type TimerWheel } from '../timer-wheel.ts';
import type { Candidates } from './candidates.ts';
import { type Failing, overflowing } from './failing.ts';
import type { HeldBack } from './held-back.ts';
import type { EndpointQueue } from './queue.ts';
import { QueuedAttempt } from './queued-attempt.ts';

/** What the balancer of a service knows. */
interface Service {
  /** Nothing is worth waiting for: it is closed, or none came for long. */
  readonly isHopeless: boolean;
  /** Some endpoint may turn out to be there. */
  readonly mayBeReached: boolean;
  /** Waiting is worth it even where none can be reached: others may come. */
  readonly mayGetMore: boolean;
  readonly failing: Failing;
  /** Looks once more for an endpoint that is ready. */
  dispatchAgain(attempt: Attempt): void;
  /** Something waited for its whole time. */
  enterFailfast(): void;
  /** Whatever waits does so in vain. */
  failQueues(): void;
}

/** While requests wait and nothing is ready, one more endpoint is tried each time. */
const hurryMs = 50;

/** Requests for which no endpoint of a service was ready: those that are there are connected to as they need it. */
export class RequestQueue extends Deadline {
  private readonly service: Service;
  private readonly deadlines: TimerWheel;
  private readonly queue: EndpointQueue;
  private readonly candidates: Candidates;
  private readonly heldBack: HeldBack;
  /** What was queued last: endpoints are connected to in the way that it needs. */
  private wanted: Attempt | undefined = undefined;

  constructor(
    service: Service,
    deadlines: TimerWheel,
    queue: EndpointQueue,
    candidates: Candidates,
    heldBack: HeldBack,
  ) {
    super();
    this.service = service;
    this.deadlines = deadlines;
    this.queue = queue;
    this.candidates = candidates;
    this.heldBack = heldBack;
  }

  /** Requests that wait for an endpoint. */
  get waiting(): number {
    return this.queue.size;
  }

  /** Takes one for which there is no endpoint now, or fails it. */
  add(attempt: Attempt): void {
    const { service, queue, candidates } = this;
    if (attempt.key !== undefined && queue.isFull && candidates.readyCount > 0) {
      // It waits for a certain endpoint, and too many do: any other will do.
      attempt.key = undefined;
      service.dispatchAgain(attempt);
      return;
    }
    this.wanted = attempt;
    const mayCome = service.mayBeReached || service.mayGetMore || candidates.redial(attempt);
    const queued = new QueuedAttempt(service, attempt);
    if (service.isHopeless || !mayCome) {
      // It brings about the connection by which those after it are served.
      this.connectOne();
      queued.fail(service.failing);
    } else if (queue.isFull) queued.fail(overflowing(queue.size));
    else {
      queue.add(queued);
      this.connectOne();
      if (!this.isArmed) this.deadlines.arm(this, hurryMs);
    }
  }

  /** Gives what waits to endpoints that are ready; a share of it each, while others are still being connected to. */
  serve(): void {
    const { queue, service, candidates, heldBack } = this;
    if (queue.size === 0) return;
    if (candidates.readyCount > 0) {
      const share = Math.ceil(queue.size / (candidates.connecting + 1));
      for (let i = 0; i < share; i++) queue.take()?.go();
    } else if (heldBack.mayBeProbed) queue.take()?.go();
    else if (!service.mayBeReached && !service.mayGetMore) service.failQueues();
    else if (candidates.connecting === 0) this.connectOne();
  }

  failAll(failing: Failing): void {
    for (let i = this.queue.size; i > 0; i--) (this.queue.take() as QueuedAttempt | undefined)?.fail(failing);
  }

  /** There is nothing to wait for: what has somewhere else to go does. */
  sendElsewhere(): void {
    const { failing } = this.service;
    for (let i = this.queue.size; i > 0; i--) {
      const queued = this.queue.take() as QueuedAttempt;
      if (!queued.goElsewhere(failing)) this.queue.add(queued);
    }
  }

  /** Endpoints are connected to for nobody any more. */
  close(): void {
    this.wanted = undefined;
    this.deadlines.disarm(this);
  }

  /** Requests wait and nothing is ready yet: one more endpoint is tried. */
  override onDeadline(): void {
    if (this.queue.size === 0) {
      // A target may be kept for long after its last request.
      this.wanted = undefined;
      return;
    }
    if (this.candidates.readyCount > 0) {
      for (let i = this.queue.size; i > 0; i--) this.queue.take()?.go();
      return;
    }
    this.connectOne();
    this.deadlines.arm(this, hurryMs);
  }

  /** Has one of the endpoints connected to that are not yet. */
  private connectOne(): void {
    if (this.wanted !== undefined) this.candidates.connectOne(this.wanted);
  }
}
