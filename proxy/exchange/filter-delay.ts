import { Deadline, type TimerWheel } from '../timer-wheel.ts';
import type { WaitingPlace } from './attempt-routing.ts';

/** Has a request go on when its time has come. */
export class FilterDelay extends Deadline implements WaitingPlace {
  private readonly waiting: { goOn(): void };
  private readonly deadlines: TimerWheel;

  constructor(waiting: { goOn(): void }, deadlines: TimerWheel) {
    super();
    this.waiting = waiting;
    this.deadlines = deadlines;
  }

  cancel(): void {
    this.deadlines.disarm(this);
  }

  override onDeadline(): void {
    this.waiting.goOn();
  }
}
