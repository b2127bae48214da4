import type { Clock, TimerHandle } from '../../clock.ts';
import { KeepAlive } from '../../keep-alive.ts';
import type { FieldTable } from '../../wire/field-table.ts';
import { Http2Client } from '../../wire/http2/client.ts';
import type { RequestHead } from '../../wire/stream.ts';
import type { Connection, Turn } from '../../wire/transport.ts';
import type { GrpcCall } from './grpc-call.ts';
import { frameMessage } from './message-reader.ts';

/** A call that is to be sent. */
export interface Pending {
  readonly call: GrpcCall;
  readonly head: RequestHead;
  readonly message: Uint8Array;
}

interface Options {
  readonly turn: Turn;
  readonly fields: FieldTable;
  readonly clock: Clock;
  /** Default true. */
  readonly keepAlive?: boolean;
  /** Default 15 min. */
  readonly connectionAgeMs?: number;
}

/** The channel that has it. */
interface Owner {
  /** It may have streams for calls that wait. */
  startWaiting(): void;
  /** It was looked at, and goes on. */
  onChecked(): void;
  onClosed(connection: GrpcConnection): void;
}

/** How long a connection may be silent before it is asked for a sign of life, and how long the answer may take. */
const keepAliveTimes = { intervalMs: 10_000, timeoutMs: 3000 };
/** How often it is told the time. */
const checkIntervalMs = 5000;
const defaultConnectionAgeMs = 15 * 60_000;
/**
 * Within this time the calls of a connection that takes no more are told so: a server that goes away says it to all of
 * its clients at once. Ours lets them have 15 s.
 */
const leaveWithinMs = 5000;

/** One connection of a channel, its calls, and what watches over it: signs of life, its age, and the end of its calls. */
export class GrpcConnection {
  private readonly connection: Connection;
  private readonly options: Options;
  private readonly owner: Owner;
  private readonly client: Http2Client;
  private readonly calls = new Set<GrpcCall>();
  private keepAlive: KeepAlive | undefined = undefined;
  private endsMs = Number.POSITIVE_INFINITY;
  private checkTimer: TimerHandle | undefined = undefined;
  private leaveTimer: TimerHandle | undefined = undefined;
  private isOver = false;

  constructor(connection: Connection, options: Options, owner: Owner) {
    this.connection = connection;
    this.options = options;
    this.owner = owner;
    this.client = new Http2Client({
      transport: connection,
      turn: options.turn,
      fields: options.fields,
      onAvailable: () => owner.startWaiting(),
      onClosed: () => this.closed(),
    });
    connection.handler = this.client;
  }

  /** Its peer has not said yet how many streams it takes. */
  get isComing(): boolean {
    return !this.client.greeted && !this.client.draining;
  }

  /** It takes no more calls. */
  get isLeaving(): boolean {
    return this.client.draining;
  }

  /** Watches over it from now on. */
  watch(): void {
    const { clock, keepAlive: asks = true, connectionAgeMs = defaultConnectionAgeMs } = this.options;
    if (asks) this.keepAlive = new KeepAlive(this.connection, this.client, keepAliveTimes, clock);
    this.endsMs = clock.nowMs() + connectionAgeMs * (0.8 + 0.4 * clock.random());
    this.scheduleCheck();
  }

  /** Sends a call; false when there is no stream for it now. */
  start({ call, head, message }: Pending): boolean {
    const stream = this.client.request(head, false, call);
    if (stream === undefined) return false;
    call.started(stream, this.calls);
    stream.sendData(frameMessage(message), true);
    return true;
  }

  /**
   * It takes no more calls, and those that it has are told to leave. Nothing is cut off: where no other connection can be
   * had, the calls of this one are better than none.
   */
  leave(): void {
    this.client.drain();
    if (this.leaveTimer !== undefined || this.isOver) return;
    const { clock } = this.options;
    this.leaveTimer = clock.after(leaveWithinMs * clock.random(), () => {
      for (const call of [...this.calls]) call.leave();
    });
  }

  /** Ends it, and its calls, at once. */
  abort(): void {
    this.connection.abort();
  }

  private scheduleCheck(): void {
    const { clock } = this.options;
    this.checkTimer = clock.after(checkIntervalMs, () => {
      const nowMs = clock.nowMs();
      this.client.checkDeadlines(nowMs);
      if (this.client.draining || nowMs >= this.endsMs) this.leave();
      if (this.isOver) return;
      this.owner.onChecked();
      this.scheduleCheck();
    });
  }

  private closed(): void {
    this.isOver = true;
    this.keepAlive?.stop();
    this.options.clock.cancel(this.checkTimer);
    this.options.clock.cancel(this.leaveTimer);
    this.owner.onClosed(this);
  }
}
