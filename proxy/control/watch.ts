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
  onMessage(message: MessageShape<Output>): void;
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

/** A server stream that is opened again whenever it ends, until it is closed. */
export class Watch<Input extends DescMessage, Output extends DescMessage> {
  private readonly options: WatchOptions<Input, Output>;
  private readonly backOff: BackOff;
  private readonly refusedBackOff: BackOff;
  private timer: TimerHandle | undefined = undefined;
  private cancel: (() => void) | undefined = undefined;
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
    if (this.timer !== undefined) this.options.timers.cancel(this.timer);
    this.cancel?.();
  }

  private open(): void {
    this.timer = undefined;
    const { channel, method, request } = this.options;
    this.cancel = channel().stream(method, request, {
      onMessage: (message) => {
        if (this.closed) return;
        this.backOff.reset();
        this.refusedBackOff.reset();
        this.live = true;
        this.options.onMessage(message);
      },
      onEnd: (code, detail) => {
        if (!this.closed) this.reopen(code, detail);
      },
    });
  }

  private reopen(code: number, detail: string): void {
    const refused = refusals.has(code);
    this.live = refused;
    if (refused) this.options.onRefused(code, detail);
    else this.options.onLost?.(code, detail);
    if (this.closed) return;
    const delayMs = (refused ? this.refusedBackOff : this.backOff).delayMs();
    this.timer = this.options.timers.after(delayMs, () => this.open());
  }
}
