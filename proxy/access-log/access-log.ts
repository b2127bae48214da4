import type { Clock } from '../clock.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { ExchangeObserver } from '../exchange/observers.ts';
import type { Origin } from '../exchange/origin.ts';
import type { Decided } from '../exchange/plan.ts';
import type { ProxyFailure } from '../exchange/proxy-failure.ts';
import type { RequestHead } from '../wire/stream.ts';
import type { AccessLogFormat, Entry, LineFormat } from './entry.ts';
import { formats } from './formats.ts';
import type { LineSink } from './line-sink.ts';

/** Writes one line for each request that comes in, when it is over. */
export class AccessLog implements ExchangeObserver {
  private readonly format: LineFormat;
  private readonly sink: Pick<LineSink, 'begin' | 'end'>;
  private readonly clock: Clock;

  constructor(format: AccessLogFormat, sink: Pick<LineSink, 'begin' | 'end'>, clock: Clock) {
    this.format = formats[format]();
    this.sink = sink;
    this.clock = clock;
  }

  onFinish(exchange: Exchange): void {
    const { startMs, attempt } = exchange;
    const totalMs = this.clock.nowMs() - startMs;
    this.write({
      head: exchange.head,
      origin: exchange.origin,
      decided: exchange.plan?.decided,
      startedMs: this.clock.wallMs() - totalMs,
      requestBytes: exchange.requestBytes,
      responseBytes: exchange.responseBytes,
      status: exchange.status,
      grpcStatus: exchange.grpcStatus,
      totalMs,
      processingMs: attempt !== undefined && attempt.sentMs >= 0 ? attempt.sentMs - startMs : totalMs,
      tries: exchange.attempts,
      error: exchange.error,
    });
  }

  onRefused(origin: Origin, head: RequestHead, { kind, status }: ProxyFailure, decided: Decided | undefined): void {
    this.write({
      head,
      origin,
      decided,
      startedMs: this.clock.wallMs(),
      requestBytes: 0,
      responseBytes: 0,
      status,
      grpcStatus: -1,
      totalMs: 0,
      processingMs: 0,
      tries: 0,
      error: kind,
    });
  }

  private write(entry: Entry): void {
    const out = this.sink.begin();
    const start = out.length;
    this.format(out, entry);
    this.sink.end(start);
  }
}
