import type { Clock } from '../clock.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { ExchangeObserver } from '../exchange/observers.ts';
import type { Origin } from '../exchange/origin.ts';
import type { Decided } from '../exchange/plan.ts';
import type { ProxyFailure } from '../exchange/proxy-failure.ts';
import { objectName } from '../model/policy-labels.ts';
import { type Field, FieldMark, fieldValue } from '../wire/field.ts';
import type { RequestHead } from '../wire/stream.ts';
import { type Entry, formats } from './entry.ts';
import type { LineSink } from './line-sink.ts';

/** Writes one line for each request that comes in, when it is over. */
export class AccessLog implements ExchangeObserver {
  private readonly format: (entry: Entry) => string;
  private readonly sink: Pick<LineSink, 'take'>;
  private readonly clock: Clock;

  constructor(format: keyof typeof formats, sink: Pick<LineSink, 'take'>, clock: Clock) {
    this.format = formats[format];
    this.sink = sink;
    this.clock = clock;
  }

  onFinish(exchange: Exchange): void {
    const { head, origin, plan, startMs, attempt, attempts } = exchange;
    const totalMs = this.clock.nowMs() - startMs;
    this.write(head, origin, {
      startedMs: this.clock.wallMs() - totalMs,
      requestBytes: exchange.requestBytes,
      responseBytes: exchange.responseBytes,
      status: exchange.status,
      grpcStatus: exchange.grpcStatus,
      totalMs,
      processingMs: attempt !== undefined && attempt.sentMs >= 0 ? attempt.sentMs - startMs : totalMs,
      tries: attempts,
      ...namesOf(plan?.decided),
      error: exchange.error,
    });
  }

  onRefused(origin: Origin, head: RequestHead, { kind, status }: ProxyFailure, decided: Decided | undefined): void {
    this.write(head, origin, {
      startedMs: this.clock.wallMs(),
      requestBytes: 0,
      responseBytes: 0,
      status,
      grpcStatus: -1,
      totalMs: 0,
      processingMs: 0,
      tries: 0,
      ...namesOf(decided),
      error: kind,
    });
  }

  private write(head: RequestHead, origin: Origin, rest: Omit<Entry, keyof ReturnType<typeof asked>>): void {
    this.sink.take(this.format({ ...asked(head, origin), ...rest }));
  }
}

function asked(head: RequestHead, { clientAddress, clientPort, clientIdentity, version }: Origin) {
  return {
    clientAddress,
    clientPort,
    clientIdentity,
    method: head.method,
    uri: head.path,
    version: version === 'http2' ? 'HTTP/2.0' : 'HTTP/1.1',
    host: head.authority,
    userAgent: fieldValue(head.fields, 'user-agent') ?? '',
    traceId: traceId(head.fields, head.marks),
  } as const;
}

type Names = Pick<Entry, 'server' | 'route' | 'authorization'>;

/** Made once for what decides about many requests. */
const known = new WeakMap<Decided, Names>();
const nobody: Names = { server: undefined, route: undefined, authorization: undefined };

function namesOf(decided: Decided | undefined): Names {
  if (decided === undefined) return nobody;
  let names = known.get(decided);
  if (names === undefined) {
    const { parent, route, authorization } = decided;
    names = {
      server: parent && objectName(parent),
      route: route && objectName(route),
      authorization: authorization && objectName(authorization),
    };
    known.set(decided, names);
  }
  return names;
}

/** By what the request says it can be found again, the most telling first. */
function traceId(fields: readonly Field[], marks: number): string {
  if ((marks & FieldMark.trace) !== 0) {
    const parent = fieldValue(fields, 'traceparent');
    // W3C Trace Context: version, trace id, span id and flags with dashes between them.
    if (parent !== undefined && parent.length >= 35) return parent.slice(3, 35);
    const b3 = fieldValue(fields, 'x-b3-traceid') ?? fieldValue(fields, 'b3')?.split('-', 1)[0];
    if (b3 !== undefined) return b3;
  }
  return fieldValue(fields, 'x-request-id') ?? fieldValue(fields, 'x-amzn-trace-id') ?? '';
}
