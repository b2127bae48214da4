import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { type ObserveRequest, ObserveRequestSchema, type TapEvent, TapEventSchema } from '../gen/tap_pb.js';

/** Where a sidecar serves taps, or whoever leads there. */
export interface SidecarAddress {
  readonly host: string;
  readonly port: number;
  /** Undefined: in plaintext, where another sidecar sees to it. */
  readonly tls?: {
    readonly trustAnchors: string | Buffer;
    readonly key: string | Buffer;
    readonly chain: string | Buffer;
    /** The identity that the sidecar has to prove. */
    readonly identity: string;
  };
}

export interface ObserveHandlers {
  /** The sidecar has let it in: requests are told from now on. */
  onBegun(): void;
  onEvent(event: TapEvent): void;
  /** It is over, exactly once unless it was cancelled; `code` is a gRPC status. */
  onEnd(code: number, message: string): void;
}

export interface ObserveCall {
  pause(): void;
  resume(): void;
  cancel(): void;
}

const path = '/io.linkerd.proxy.tap.Tap/Observe';
const unavailable = 14;
const internal = 13;
const prefixBytes = 5;
/** Of one event, which has a few KB. */
const maxEventBytes = 1024 * 1024;
const pingIntervalMs = 10_000;

/** A connection to a sidecar, made with the first call, and anew when it was lost. One that is silent is given up. */
export class SidecarConnection {
  private readonly address: SidecarAddress;
  private session: ClientHttp2Session | undefined = undefined;
  private timer: NodeJS.Timeout | undefined = undefined;

  constructor(address: SidecarAddress) {
    this.address = address;
  }

  /** Calls `Tap/Observe` (gRPC over HTTP/2: grpc/grpc doc/PROTOCOL-HTTP2.md). */
  observe(request: ObserveRequest, handlers: ObserveHandlers): ObserveCall {
    const session = this.connected();
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    follow(stream, handlers);
    const message = toBinary(ObserveRequestSchema, request);
    const prefix = Buffer.alloc(prefixBytes);
    prefix.writeUInt32BE(message.length, 1);
    stream.end(Buffer.concat([prefix, message]));
    return {
      pause: () => stream.pause(),
      resume: () => stream.resume(),
      cancel: () => {
        stream.removeAllListeners('data');
        stream.close(constants.NGHTTP2_CANCEL);
      },
    };
  }

  close(): void {
    clearInterval(this.timer);
    this.session?.destroy();
    this.session = undefined;
  }

  private connected(): ClientHttp2Session {
    if (this.session !== undefined && !this.session.closed && !this.session.destroyed) return this.session;
    this.close();
    const { host, port, tls } = this.address;
    const shown = host.includes(':') ? `[${host}]` : host;
    const session = connect(`${tls === undefined ? 'http' : 'https'}://${shown}:${port}`, {
      ...(tls === undefined ? {} : { ca: tls.trustAnchors, key: tls.key, cert: tls.chain, servername: tls.identity }),
    });
    // Its streams tell the same.
    session.on('error', () => {});
    let awaited = false;
    this.timer = setInterval(() => {
      if (awaited) session.destroy(new Error('the sidecar gives no sign of life'));
      if (session.destroyed || session.connecting) return;
      awaited = true;
      session.ping(() => {
        awaited = false;
      });
    }, pingIntervalMs);
    this.timer.unref();
    this.session = session;
    return session;
  }
}

function follow(stream: ClientHttp2Stream, { onBegun, onEvent, onEnd }: ObserveHandlers): void {
  let over = false;
  let problem = 'the sidecar closed the connection';
  let held: Buffer = Buffer.alloc(0);
  const end = (code: number, message: string): void => {
    if (over) return;
    over = true;
    onEnd(code, message);
  };
  const endBy = (fields: Readonly<Record<string, unknown>>): void => {
    const status = fields['grpc-status'];
    if (typeof status === 'string' && /^\d{1,3}$/.test(status)) end(Number(status), decoded(fields['grpc-message']));
  };
  stream.on('response', (fields) => {
    endBy(fields);
    if (over) return;
    if (fields[':status'] !== 200) end(unavailable, `HTTP status ${fields[':status']}`);
    else onBegun();
  });
  stream.on('data', (chunk: Buffer) => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    while (!over && held.length >= prefixBytes) {
      const length = held.readUInt32BE(1);
      if (held[0] !== 0 || length > maxEventBytes) {
        end(internal, 'the sidecar tells what is no event');
        stream.close(constants.NGHTTP2_CANCEL);
        return;
      }
      if (held.length < prefixBytes + length) return;
      const message = held.subarray(prefixBytes, prefixBytes + length);
      held = held.subarray(prefixBytes + length);
      onEvent(fromBinary(TapEventSchema, message));
    }
  });
  stream.on('trailers', endBy);
  stream.on('error', (error: Error) => {
    problem = error.message;
  });
  stream.on('close', () => end(unavailable, problem));
}

/** `grpc-message` is percent-encoded; what is not is shown as it came. */
function decoded(message: unknown): string {
  if (typeof message !== 'string') return '';
  try {
    return decodeURIComponent(message);
  } catch {
    return message;
  }
}
