import type { DescMessage, DescMethod, MessageShape } from '@bufbuild/protobuf';
import type { TimerHandle, Timers } from '../clock.ts';
import { BackOff } from '../resilience/back-off.ts';
import type { GrpcChannel } from './grpc/grpc-channel.ts';
import { Status } from './grpc/status.ts';

export interface WatchOptions<Input extends DescMessage, Output extends DescMessage> {
  channel: () => GrpcChannel;
  method: DescMethod & { methodKind: 'server_streaming'; input: Input; output: Output };
  request: MessageShape<Input>;
  timers: Timers;
  random: () => number;
  /** `first`: of its stream, so that it says all that there is, not what has changed. */
  onMessage(message: MessageShape<Output>, first: boolean): void;
  /**
   * The control plane says that there is no such target, or that it can be none. The watch goes on: soon at first, for
   * what is called may be about to be created, then ever more seldom.
   */
  onRefused(code: number, detail: string): void;
  /** Nobody can say: the stream broke, or could not be opened. What is known stays valid until the next message. */
  onLost?(code: number, detail: string): void;
}

/**
 * Answers about the target itself. UNIMPLEMENTED is none: it comes from whoever answers in the control plane's place,
 * with HTTP 404 for example.
 */
const refusals = new Set<number>([Status.notFound, Status.invalidArgument]);

/** A stream of a watch, from its request on. */
interface Followed {
  cancel: () => void;
  answered: boolean;
  /** Its connection takes no more calls. */
  leaving: boolean;
}

/**
 * A server stream that is opened again whenever it ends, until it is closed. When its connection is about to end, another
 * stream is opened beside it, and takes its place with its first message: nothing is missed between the two.
 */
export class Watch<Input extends DescMessage, Output extends DescMessage> {
  private readonly options: WatchOptions<Input, Output>;
  private readonly backOff: BackOff;
  private readonly refusedBackOff: BackOff;
  private timer: TimerHandle | undefined = undefined;
  private current: Followed | undefined = undefined;
  /** What takes the place of the current one once it is answered. */
  private successor: Followed | undefined = undefined;
  private closed = false;
  private live = false;

  constructor(options: WatchOptions<Input, Output>) {
    this.options = options;
    this.backOff = new BackOff(100, 5000, 1, options.random);
    this.refusedBackOff = new BackOff(250, 30_000, 0.5, options.random);
    this.open();
  }

  /** Whether the control plane answers now: its last word was about the target, and has not been lost since. */
  get isLive(): boolean {
    return this.live;
  }

  close(): void {
    this.closed = true;
    this.live = false;
    this.stopTimer();
    this.current?.cancel();
    this.successor?.cancel();
  }

  private open(): void {
    this.timer = undefined;
    const stream: Followed = { cancel: () => {}, answered: false, leaving: false };
    if (this.current === undefined) this.current = stream;
    else this.successor = stream;
    const { channel, method, request } = this.options;
    stream.cancel = channel().stream(method, request, {
      onMessage: (message) => {
        if (!this.closed) this.onMessage(stream, message);
      },
      onEnd: (code, detail) => {
        if (!this.closed) this.onEnd(stream, code, detail);
      },
      onLeaving: () => {
        stream.leaving = true;
        if (!this.closed && stream === this.current) this.move();
      },
    });
  }

  private onMessage(stream: Followed, message: MessageShape<Output>): void {
    const first = !stream.answered;
    if (first) {
      stream.answered = true;
      this.backOff.reset();
      this.refusedBackOff.reset();
    }
    this.live = true;
    if (stream === this.successor) {
      this.current?.cancel();
      this.current = stream;
      this.successor = undefined;
      if (stream.leaving) this.move();
    }
    this.options.onMessage(message, first);
  }

  private onEnd(stream: Followed, code: number, detail: string): void {
    if (stream === this.successor) {
      // The current one still tells all.
      this.successor = undefined;
      this.timer = this.options.timers.after(this.backOff.delayMs(), () => this.open());
      return;
    }
    this.current = this.successor;
    this.successor = undefined;
    if (this.current === undefined) this.reopen(code, detail);
    else if (this.current.leaving) this.move();
  }

  /** Opens a stream to take the place of the current one. */
  private move(): void {
    if (this.successor === undefined && this.timer === undefined) this.open();
  }

  private reopen(code: number, detail: string): void {
    const refused = refusals.has(code);
    this.live = refused;
    if (refused) this.options.onRefused(code, detail);
    else this.options.onLost?.(code, detail);
    if (this.closed) return;
    this.stopTimer();
    const delayMs = (refused ? this.refusedBackOff : this.backOff).delayMs();
    this.timer = this.options.timers.after(delayMs, () => this.open());
  }

  private stopTimer(): void {
    if (this.timer !== undefined) this.options.timers.cancel(this.timer);
  }
}
