import { Deadline } from '../timer-wheel.ts';

/** Has a request go on when its time has come. */
export class FilterDelay extends Deadline {
  private readonly waiting: { goOn(): void };

  constructor(waiting: { goOn(): void }) {
    super();
    this.waiting = waiting;
  }

  override onDeadline(): void {
    this.waiting.goOn();
  }
}
