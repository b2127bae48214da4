import { Hold } from '../accept/hold.ts';
import type { OpenConnections } from '../accept/open-connections.ts';
import { peek } from '../accept/peek.ts';
import { serveHttp } from '../accept/serve-http.ts';
import { StreamConnection } from '../accept/stream-connection.ts';
import type { Clock } from '../clock.ts';
import type { DeclaredProtocol } from '../discovery/declared-protocol.ts';
import { dropRest } from '../exchange/drop-rest.ts';
import { Exchange, type HttpVersion } from '../exchange/exchange.ts';
import { failures, isGrpc, type ProxyFailure, respondFailure } from '../exchange/proxy-failure.ts';
import type { KeepAliveTimes } from '../keep-alive.ts';
import { splice } from '../opaque/splice.ts';
import { targetLabels } from '../telemetry/endpoint-labels.ts';
import type { Log } from '../telemetry/log.ts';
import type { TransportMetrics } from '../telemetry/registry.ts';
import { errnoOf } from '../upstream/dialer.ts';
import { detectHttp } from '../wire/detect/http-detect.ts';
import type { FieldTable } from '../wire/field-table.ts';
import { responseHead, withoutMeshFields } from '../wire/heads.ts';
import { isLoopback } from '../wire/ip-network.ts';
import type { RequestHead, ServerStream, StreamHandler } from '../wire/stream.ts';
import type { Connection, Turn } from '../wire/transport.ts';
import type { Destination } from './destination.ts';
import type { Destinations } from './destinations.ts';
import type { OutboundMetrics } from './outbound-metrics.ts';

export interface OutboundOptions {
  clock: Clock;
  turn: Turn;
  fields: FieldTable;
  log: Log;
  open: OpenConnections;
  destinations: Destinations;
  metrics: OutboundMetrics;
  /** Targets come from requests: absolute-form, CONNECT or `Host`. */
  explicit: boolean;
  detectTimeoutMs: number;
  /** Of HTTP/2 connections; undefined when clients are never asked for a sign of life. */
  keepAlive: KeepAliveTimes | undefined;
  maxInFlight: number;
  /** Whether requests that this proxy fails say why in `l5d-proxy-error`. */
  informationalHeaders: boolean;
  /** Where a redirected connection went; undefined when it was not redirected. */
  originalDestination: (connection: Connection) => { address: string; port: number } | undefined;
  /** True for an address that this proxy itself listens on. */
  isOwnListener: (address: string, port: number) => boolean;
}

const detectLimitBytes = 8 * 1024;
const nothing = new Uint8Array(0);

/**
 * What the workload sends: accept → detect → destination → balance → endpoint. The original destination of a connection
 * says where it goes; in explicit mode each request does.
 */
export class Outbound {
  private readonly options: OutboundOptions;

  constructor(options: OutboundOptions) {
    this.options = options;
  }

  /** Takes a connection of the workload. */
  accept(connection: Connection): void {
    const { explicit, destinations, log } = this.options;
    if (explicit) {
      this.acceptExplicit(connection);
      return;
    }
    const target = this.options.originalDestination(connection);
    if (target === undefined || this.options.isOwnListener(target.address, target.port)) {
      log.warn('connection to the outbound listener itself refused', { client: connection.remoteAddress });
      this.options.metrics.tcpError('loop');
      connection.abort();
      return;
    }
    const destination = destinations.forAddress(target.address, target.port);
    const counted = this.counted(connection, targetLabels(target.address, target.port));
    if (destination === undefined) {
      this.options.metrics.tcpError('loadshed');
      connection.abort();
      return;
    }
    destination.retain();
    this.carry(connection, destination, (error) => {
      destination.release();
      counted(error);
    });
  }

  /**
   * Only the pod itself may use its identity: the listener is on the pod's address, where the application can name it,
   * and would otherwise relay for the whole network.
   */
  private acceptExplicit(connection: Connection): void {
    const { remoteAddress, localAddress } = connection;
    if (remoteAddress !== localAddress && !isLoopback(remoteAddress)) {
      this.options.log.warn('connection of another host to the outbound listener refused', { client: remoteAddress });
      this.options.metrics.tcpError('not local');
      connection.abort();
      return;
    }
    this.detect(connection, undefined, this.counted(connection, {}));
  }

  /** Proxies a connection whose destination is known: as opaque bytes or as HTTP, once that is known too. */
  private carry(connection: Connection, destination: Destination, closed: (error: Error | undefined) => void): void {
    if (destination.protocol === undefined) {
      const held = new Hold(connection, nothing, closed);
      destination.whenDiscovered(() =>
        held.release((bytes) => this.carryAs(destination.protocol ?? 'detect', connection, destination, bytes, closed)),
      );
    } else this.carryAs(destination.protocol, connection, destination, nothing, closed);
  }

  private carryAs(
    protocol: DeclaredProtocol,
    connection: Connection,
    destination: Destination,
    bytes: Uint8Array,
    closed: (error: Error | undefined) => void,
  ): void {
    if (protocol === 'opaque') this.tunnel(connection, destination, bytes, closed);
    else if (protocol === 'detect') this.detect(connection, destination, closed, bytes);
    else this.serve(connection, protocol, bytes, destination, closed);
  }

  private detect(
    connection: Connection,
    destination: Destination | undefined,
    closed: (error: Error | undefined) => void,
    first: Uint8Array = nothing,
  ): void {
    const { clock, detectTimeoutMs } = this.options;
    const limits = { timeoutMs: detectTimeoutMs, limitBytes: detectLimitBytes };
    const decide = (bytes: Uint8Array, final: boolean): boolean => {
      const detected = detectHttp(bytes, final);
      if (detected === 'more') return false;
      if (detected !== 'opaque') this.serve(connection, detected, bytes, destination, closed);
      else if (destination !== undefined) this.tunnel(connection, destination, bytes, closed);
      else {
        // Without a request there is no saying where an explicit connection goes.
        if (bytes.length > 0) this.options.metrics.tcpError('no target');
        connection.close();
      }
      return true;
    };
    peek(connection, limits, clock, decide, closed);
    if (first.length > 0) connection.handler.onBytes(first);
  }

  private serve(
    connection: Connection,
    version: HttpVersion,
    bytes: Uint8Array,
    destination: Destination | undefined,
    closed: (error: Error | undefined) => void,
  ): void {
    const { turn, fields, open, metrics, keepAlive, clock } = this.options;
    serveHttp(connection, version, bytes, {
      turn,
      fields,
      open,
      keepAlive: keepAlive && { times: keepAlive, timers: clock },
      onRequest: (stream, head, end) => this.onRequest(connection, version, destination, stream, head, end),
      onRefused: () => metrics.httpError('bad request'),
      onClosed: closed,
    });
  }

  private onRequest(
    connection: Connection,
    version: HttpVersion,
    fixed: Destination | undefined,
    stream: ServerStream,
    head: RequestHead,
    end: boolean,
  ): StreamHandler {
    const { metrics, destinations, informationalHeaders, clock } = this.options;
    const destination = fixed ?? destinations.forAuthority(head.authority);
    if (destination === undefined || this.options.isOwnListener(destination.name.host, destination.name.port)) {
      return this.refuse(stream, head, destination === undefined ? failures.notFound : failures.loop);
    }
    if (fixed === undefined && head.method === 'CONNECT' && head.upgrade === undefined) {
      return this.acceptConnect(connection, destination, stream);
    }
    // What names the target to this proxy names it to no other.
    const onward = fixed === undefined && head.absoluteForm ? { ...head, absoluteForm: false } : head;
    metrics.inFlight++;
    const exchange = new Exchange(
      stream,
      withoutMeshFields(onward),
      end,
      metrics,
      clock.nowMs(),
      version,
      informationalHeaders,
    );
    if (metrics.inFlight > this.options.maxInFlight) exchange.fail(failures.loadShed);
    else destination.send(exchange);
    return exchange.requestSide;
  }

  /** CONNECT: what is spoken inside is detected like on a connection of its own. */
  private acceptConnect(outer: Connection, destination: Destination, stream: ServerStream): StreamHandler {
    stream.sendResponse(responseHead(200, -1), false);
    const inside = new StreamConnection(stream, outer);
    destination.retain();
    this.carry(inside, destination, () => destination.release());
    return inside;
  }

  private tunnel(
    connection: Connection,
    destination: Destination,
    bytes: Uint8Array,
    closed: (error: Error | undefined) => void,
  ): void {
    const held = new Hold(connection, bytes, closed);
    const { open, metrics } = this.options;
    destination.connect({
      onConnected: (upstream) => {
        if (held.gone) {
          upstream.close();
          return;
        }
        const tunnel = { drain: () => {} };
        open.add(tunnel);
        held.release((first) => {
          splice(connection, upstream, (error) => {
            open.remove(tunnel);
            closed(error);
          });
          if (first.length > 0) upstream.write(first);
        });
      },
      onFailed: (reason) => {
        metrics.tcpError(reason === 'overflow' ? 'loadshed' : reason);
        if (!held.gone) connection.abort();
      },
    });
  }

  private refuse(stream: ServerStream, head: RequestHead, failure: ProxyFailure): StreamHandler {
    this.options.metrics.httpError(failure.kind);
    respondFailure(stream, isGrpc(head), failure, this.options.informationalHeaders);
    return dropRest(stream);
  }

  /** Counts a connection of the workload, and returns what to call when it has closed. */
  private counted(
    connection: Connection,
    labels: Readonly<Record<string, string>>,
  ): (error: Error | undefined) => void {
    const metrics: TransportMetrics = this.options.metrics.accepted(labels);
    metrics.connectionOpened(connection);
    return (error) => metrics.connectionClosed(connection, errnoOf(error));
  }
}
