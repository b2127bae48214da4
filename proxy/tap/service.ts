import { FramingError, frameMessage, MessageReader } from '../control/grpc/message-reader.ts';
import { Status } from '../control/grpc/status.ts';
import type { Count, CounterFamily, MetricsRegistry } from '../telemetry/registry.ts';
import { Field, fieldValue } from '../wire/field.ts';
import { responseHead } from '../wire/heads.ts';
import { ErrorCode, type RequestHead, type ServerStream, type StreamHandler } from '../wire/stream.ts';
import { BadMatch } from './match-from-api.ts';
import type { TapReport } from './observer.ts';
import { readTapRequest, type Tapping, type Taps } from './taps.ts';
import { ToldEvents } from './told-events.ts';

/** What is told by the proxy's other processes, each by its number, which is above 0. */
export interface OtherReports {
  report(source: number, report: TapReport): void;
  /** So many events found no place on their way here. */
  missed(source: number, events: number): void;
  /** That process has ended. */
  left(source: number): void;
}

/** The proxy's other processes, as far as taps go. */
export interface OtherTaps {
  /** `request` is an encoded ObserveRequest that this process has read without a complaint. */
  tap(request: Uint8Array, reports: OtherReports): Tapping;
}

export interface TapServiceOptions {
  readonly taps: Taps;
  readonly others: OtherTaps | undefined;
  /** The identity that may tap; undefined: nobody. */
  readonly allowed: string | undefined;
  readonly registry: MetricsRegistry;
}

/** At once. */
const maxTaps = 16;
const maxRequestBytes = 64 * 1024;
/** Of one tap, before events are missed. */
const maxWaitingBytes = 512 * 1024;
const path = '/io.linkerd.proxy.tap.Tap/Observe';

/** Serves `io.linkerd.proxy.tap.Tap/Observe` to the one who may tap, by the identity that its certificate proves. */
export class TapService {
  readonly others: OtherTaps | undefined;
  readonly taps: Taps;
  readonly missed: Count;
  readonly told: Count;
  private readonly allowed: string | undefined;
  private readonly refused: CounterFamily;
  private open = 0;

  constructor({ taps, others, allowed, registry }: TapServiceOptions) {
    this.taps = taps;
    this.others = others;
    this.allowed = allowed;
    this.told = registry.counter('proxy_tap_events_total', 'Events of requests that taps were told.').count({});
    this.missed = registry
      .counter(
        'proxy_tap_events_missed_total',
        'Events that taps were not told, since their peer did not read as fast.',
      )
      .count({});
    this.refused = registry.counter('proxy_tap_refused_total', 'Taps that were refused, by their gRPC status.');
    registry.gauge('proxy_taps_open', 'Taps on the requests of this proxy.', () => this.open);
  }

  /** `identity` is what the client's certificate proves; undefined without one. */
  onRequest(stream: ServerStream, head: RequestHead, end: boolean, identity: string | undefined): StreamHandler {
    if (head.path !== path || head.method !== 'POST') {
      return this.refuse(stream, end, Status.unimplemented, 'there is no such method here');
    }
    if (!fieldValue(head.fields, 'content-type')?.startsWith('application/grpc')) {
      stream.sendResponse(responseHead(415, 0), true);
      return new Refused(stream, end);
    }
    if (identity === undefined) {
      return this.refuse(stream, end, Status.unauthenticated, 'taps are for clients with a certificate of the mesh');
    }
    if (identity !== this.allowed) {
      return this.refuse(stream, end, Status.permissionDenied, `Unauthorized peer: ${identity}`);
    }
    if (this.open >= maxTaps) {
      return this.refuse(stream, end, Status.resourceExhausted, `there are ${maxTaps} taps already`);
    }
    this.open++;
    return new ObserveCall(this, stream, () => this.open--);
  }

  /** Answers with an error alone. */
  refuse(stream: ServerStream, end: boolean, code: number, message: string): StreamHandler {
    this.refused.add({ status: `${code}` });
    const fields = [new Field('content-type', 'application/grpc'), ...statusFields(code, message)];
    stream.sendResponse(responseHead(200, -1, fields), true);
    return new Refused(stream, end);
  }
}

/** One call: a request, then events until there were enough or the client goes. */
class ObserveCall implements StreamHandler {
  private readonly service: TapService;
  private readonly stream: ServerStream;
  private readonly onOver: () => void;
  private readonly reader: MessageReader;
  private tappings: Tapping[] = [];
  private told: ToldEvents | undefined = undefined;
  private over = false;

  constructor(service: TapService, stream: ServerStream, onOver: () => void) {
    this.service = service;
    this.stream = stream;
    this.onOver = onOver;
    this.reader = new MessageReader(maxRequestBytes, (message) => this.begin(message));
  }

  onData(chunk: Uint8Array, end: boolean): void {
    this.stream.credit(chunk.length);
    if (this.over) return;
    try {
      this.reader.push(chunk);
    } catch (error) {
      if (!(error instanceof BadMatch || error instanceof FramingError)) throw error;
      this.fail(end, error.message);
      return;
    }
    if (end && this.told === undefined) this.fail(true, 'the request ended without a message');
  }

  onTrailers(): void {
    if (this.told === undefined && !this.over) this.fail(true, 'the request ended without a message');
  }

  onSent(bytes: number): void {
    this.told?.onRead(bytes);
  }

  onReset(): void {
    this.finish();
  }

  private begin(message: Uint8Array): void {
    if (this.told !== undefined) throw new FramingError('a second message, where one is all there is');
    const request = readTapRequest(message);
    const { service, stream } = this;
    const told = new ToldEvents({
      limit: request.limit,
      maxWaitingBytes,
      send: (event) => {
        service.told.value++;
        stream.sendData(frameMessage(event), false);
      },
      onMissed: () => service.missed.value++,
      onEnough: () => {
        for (const tapping of this.tappings) tapping.stopTaking();
      },
      onOver: () => {
        this.finish();
        stream.sendTrailers(statusFields(Status.ok, ''));
      },
    });
    this.told = told;
    // The head tells the client that it is let in, long before the first request may come.
    stream.sendResponse(responseHead(200, -1, [new Field('content-type', 'application/grpc')]), false);
    this.tappings.push(service.taps.begin(request, (report) => told.take(0, report)));
    if (service.others === undefined) return;
    this.tappings.push(
      service.others.tap(message, {
        report: (source, report) => told.take(source, report),
        missed: (_source, events) => told.addMissed(events),
        left: (source) => told.leave(source),
      }),
    );
  }

  private fail(end: boolean, message: string): void {
    const begun = this.told !== undefined;
    this.finish();
    if (!begun) this.service.refuse(this.stream, end, Status.invalidArgument, message);
    else this.stream.reset(ErrorCode.protocolError, message);
  }

  private finish(): void {
    if (this.over) return;
    this.over = true;
    this.told?.close();
    for (const tapping of this.tappings) tapping.close();
    this.onOver();
  }
}

/** Takes what is left of a request that was refused. */
class Refused implements StreamHandler {
  private readonly stream: ServerStream;

  constructor(stream: ServerStream, end: boolean) {
    this.stream = stream;
    if (!end) stream.reset(ErrorCode.noError, 'refused');
  }

  onData(chunk: Uint8Array): void {
    this.stream.credit(chunk.length);
  }

  onTrailers(): void {}

  onSent(): void {}

  onReset(): void {}
}

function statusFields(code: number, message: string): Field[] {
  const status = new Field('grpc-status', `${code}`);
  if (message === '') return [status];
  // grpc/grpc doc/PROTOCOL-HTTP2.md: percent-encoded.
  return [status, new Field('grpc-message', message.replace(/[^\x20-\x24\x26-\x7e]/g, encodeURIComponent))];
}
