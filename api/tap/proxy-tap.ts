import { create } from '@bufbuild/protobuf';
import { type ObserveRequest, ObserveRequestSchema, type TapEvent } from '../gen/tap_pb.js';
import type { Pace } from './pace.ts';
import { type ObserveCall, type SidecarAddress, SidecarConnection } from './sidecar-connection.ts';

export interface ProxyTapOptions {
  readonly address: SidecarAddress;
  readonly request: Omit<ObserveRequest, 'limit'>;
  readonly pace: Pace;
  /** How long the proxy may take to answer. Default 5 s. */
  readonly answerTimeoutMs?: number;
  /** It tells of requests from now on. Called once. */
  readonly onBegun: () => void;
  readonly onEvent: (event: TapEvent) => void;
  /** It is over by itself: why. Called once at the most, and not after `close`. */
  readonly onOver: (reason: string) => void;
}

/**
 * A tap on one proxy that goes on until it is closed: as many requests in each window of time as the pace says. A proxy ends
 * a call by itself when it has told of enough.
 */
export class ProxyTap {
  private readonly options: ProxyTapOptions;
  private readonly connection: SidecarConnection;
  private call: ObserveCall | undefined = undefined;
  private timer: NodeJS.Timeout | undefined = undefined;
  private paused = false;
  private begun = false;
  private over = false;

  constructor(options: ProxyTapOptions) {
    this.options = options;
    this.connection = new SidecarConnection(options.address);
    this.observe();
  }

  /** Reads no further events until `resume`: the proxy misses some, and says how many. */
  pause(): void {
    this.paused = true;
    this.call?.pause();
  }

  resume(): void {
    this.paused = false;
    this.call?.resume();
  }

  close(): void {
    this.over = true;
    clearTimeout(this.timer);
    this.call?.cancel();
    this.connection.close();
  }

  private observe(): void {
    const { request, pace, answerTimeoutMs = 5000, onEvent, onBegun } = this.options;
    const startMs = performance.now();
    this.timer = setTimeout(() => this.end(`no answer within ${answerTimeoutMs} ms`), answerTimeoutMs);
    this.call = this.connection.observe(create(ObserveRequestSchema, { ...request, limit: pace.limit }), {
      onBegun: () => {
        clearTimeout(this.timer);
        if (this.begun) return;
        this.begun = true;
        onBegun();
      },
      onEvent: (event) => {
        if (!this.over) onEvent(event);
      },
      onEnd: (code, message) => {
        clearTimeout(this.timer);
        this.call = undefined;
        if (this.over) return;
        if (code === 0) this.observeAgain(Math.max(0, startMs + pace.windowMs - performance.now()));
        else this.end(message);
      },
    });
    if (this.paused) this.call.pause();
  }

  private observeAgain(delayMs: number): void {
    this.timer = setTimeout(() => this.observe(), delayMs);
  }

  private end(reason: string): void {
    this.close();
    this.options.onOver(reason);
  }
}
