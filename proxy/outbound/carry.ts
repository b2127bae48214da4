import { Hold } from '../accept/hold.ts';
import { peek } from '../accept/peek.ts';
import type { DeclaredProtocol } from '../policy/outbound/model.ts';
import type { LimitedLog } from '../telemetry/limited-log.ts';
import type { Log } from '../telemetry/log.ts';
import { maxHelloBytes, parseClientHello } from '../wire/detect/client-hello.ts';
import { detectHttp } from '../wire/detect/http-detect.ts';
import type { HttpVersion } from '../wire/stream.ts';
import type { Connection } from '../wire/transport.ts';
import { OutboundHttp, type OutboundHttpOptions } from './http.ts';
import { SilenceLog } from './silence-log.ts';
import type { Target } from './target.ts';
import { tunnel } from './tcp.ts';

export interface CarryOptions extends Omit<OutboundHttpOptions, 'carry'> {
  log: Log;
  /** Of what clients bring about. */
  peerLog: LimitedLog;
  /** How long a connection's first bytes are waited for, in ms; then it is opaque. */
  detectTimeoutMs: number;
}

type Closed = (error: Error | undefined) => void;

const detectLimitBytes = 16 * 1024;
const nothing = new Uint8Array(0);

/** Finds out what a connection of the workload speaks, and carries it as that: as HTTP or as opaque bytes. */
export class Carrier {
  private readonly options: CarryOptions;
  private readonly httpOptions: OutboundHttpOptions;
  private readonly silence: SilenceLog;

  constructor(options: CarryOptions) {
    this.options = options;
    this.silence = new SilenceLog(options.log, options.detectTimeoutMs);
    this.httpOptions = { ...options, carry: (inside, target, closed) => this.carry(inside, target, closed) };
  }

  /** Carries a connection whose target is known, once it is known what that speaks. */
  carry(connection: Connection, target: Target, closed: Closed): void {
    if (target.protocol !== undefined) {
      this.carryAs(target.protocol, connection, target, nothing, closed);
      return;
    }
    const held = new Hold(connection, nothing, closed);
    target.whenDiscovered(() =>
      held.release((bytes) => this.carryAs(target.likelyProtocol, connection, target, bytes, closed)),
    );
  }

  /** `target` is undefined where requests name it: then only HTTP goes on. */
  detect(connection: Connection, target: Target | undefined, closed: Closed, first: Uint8Array = nothing): void {
    const { clock, detectTimeoutMs, metrics } = this.options;
    const limits = { timeoutMs: detectTimeoutMs, limitBytes: detectLimitBytes };
    const beganMs = clock.nowMs();
    const decide = (bytes: Uint8Array, final: boolean): boolean => {
      const detected = detectHttp(bytes, final);
      if (detected === 'more') return false;
      if (detected !== 'opaque') this.serve(connection, detected, bytes, target, closed);
      else if (target !== undefined) {
        if (clock.nowMs() - beganMs >= detectTimeoutMs) this.silence.tell(target.name);
        tunnel(connection, target, bytes, closed, this.options);
      } else {
        // Without a request there is no saying where an explicit connection goes.
        if (bytes.length > 0) metrics.tcpError('no target');
        connection.close();
      }
      return true;
    };
    peek(connection, limits, clock, decide, closed);
    if (first.length > 0) connection.handler.onBytes(first);
  }

  private carryAs(
    protocol: DeclaredProtocol,
    connection: Connection,
    target: Target,
    bytes: Uint8Array,
    closed: Closed,
  ): void {
    if (protocol === 'opaque') tunnel(connection, target, bytes, closed, this.options);
    else if (protocol === 'detect') this.detect(connection, target, closed, bytes);
    else if (protocol === 'tls') this.carryTls(connection, target, closed, bytes);
    else this.serve(connection, protocol, bytes, target, closed);
  }

  /** Reads the name that TLS asks for, for as long as bytes of HTTP are waited for; without one no route is its. */
  private carryTls(connection: Connection, target: Target, closed: Closed, first: Uint8Array): void {
    const { clock, detectTimeoutMs } = this.options;
    const decide = (bytes: Uint8Array, final: boolean): boolean => {
      const hello = parseClientHello(bytes);
      if (hello.kind === 'more' && !final) return false;
      const serverName = hello.kind === 'hello' ? hello.serverName : undefined;
      tunnel(connection, target, bytes, closed, this.options, serverName);
      return true;
    };
    peek(connection, { timeoutMs: detectTimeoutMs, limitBytes: maxHelloBytes }, clock, decide, closed);
    if (first.length > 0) connection.handler.onBytes(first);
  }

  private serve(
    connection: Connection,
    version: HttpVersion,
    bytes: Uint8Array,
    target: Target | undefined,
    closed: Closed,
  ): void {
    new OutboundHttp(this.httpOptions, connection, version, target).serve(bytes, closed);
  }
}
