import { Deadline } from '../timer-wheel.ts';
import { responseHead } from '../wire/heads.ts';
import type { ServerStream } from '../wire/stream.ts';

/** As long as curl waits by itself (RFC 9110 section 10.1.1 has clients not wait for ever; some do). */
export const continueAfterMs = 1000;

/**
 * Tells a client to go on that waits for a 100 which does not come: Linkerd's inbound proxy takes the application's for
 * itself, and servers of HTTP/1.0 send none.
 */
export class Expectation extends Deadline {
  private readonly downstream: ServerStream;

  constructor(downstream: ServerStream) {
    super();
    this.downstream = downstream;
  }

  override onDeadline(): void {
    this.downstream.sendInformational(responseHead(100, -1));
  }
}
