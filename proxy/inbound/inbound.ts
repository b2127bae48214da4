import { Hold } from '../accept/hold.ts';
import type { OpenConnections } from '../accept/open-connections.ts';
import { peek } from '../accept/peek.ts';
import { serveHttp } from '../accept/serve-http.ts';
import type { Clock } from '../clock.ts';
import type { HttpVersion } from '../exchange/exchange.ts';
import type { KeepAliveTimes } from '../keep-alive.ts';
import type { ClientInfo } from '../model/client-info.ts';
import { plaintextEndpoint } from '../model/endpoint-info.ts';
import { splice } from '../opaque/splice.ts';
import { authorize } from '../policy/inbound/authorize.ts';
import type { PolicyStore } from '../policy/inbound/policy-store.ts';
import type { KnownPortPolicy } from '../policy/inbound/port-policy.ts';
import { targetLabels } from '../telemetry/endpoint-labels.ts';
import type { Labels } from '../telemetry/labels.ts';
import type { Log } from '../telemetry/log.ts';
import { errnoOf } from '../upstream/dialer.ts';
import { type Dialer, Endpoint } from '../upstream/endpoint.ts';
import { maxHelloBytes, parseClientHello } from '../wire/detect/client-hello.ts';
import { detectHttp } from '../wire/detect/http-detect.ts';
import { decodeTransportHeader, type TransportHeader, transportAlpn } from '../wire/detect/transport-header.ts';
import type { FieldTable } from '../wire/field-table.ts';
import { parseIp } from '../wire/ip-network.ts';
import type { Connection, Turn } from '../wire/transport.ts';
import { InboundHttp } from './inbound-http.ts';
import type { InboundMetrics } from './inbound-metrics.ts';
import { decisionFields } from './policy-log.ts';

/** Terminates the mesh's TLS on a connection whose ClientHello has been read. */
export type TerminateTls = (
  connection: Connection,
  hello: Uint8Array,
  alpn: readonly string[],
  onSecure: (connection: Connection) => void,
  onFailed: (reason: string) => void,
) => void;

export interface InboundOptions {
  clock: Clock;
  turn: Turn;
  fields: FieldTable;
  log: Log;
  open: OpenConnections;
  metrics: InboundMetrics;
  policies: PolicyStore;
  dialer: Dialer;
  explicit: boolean;
  /** This proxy's own inbound port: what goes to it directly must name its target in a transport header. */
  listenPort: number;
  /** Where connections in explicit mode go that name no target. */
  defaultPort: number | undefined;
  /** The workload's port that each further listener of explicit mode stands for. */
  explicitPorts: ReadonlyMap<number, number>;
  /** The name that clients of the mesh ask for; undefined without identity. */
  localName: string | undefined;
  /** Undefined as long as there is no certificate. */
  terminateTls: () => TerminateTls | undefined;
  /** Target addresses that are taken; all, when there is none. */
  targetAddresses: ReadonlySet<string>;
  originalDestination: (connection: Connection) => { address: string; port: number } | undefined;
  detectTimeoutMs: number;
  /** Of HTTP/2 connections; undefined when clients are never asked for a sign of life. */
  keepAlive: KeepAliveTimes | undefined;
  maxInFlight: number;
  maxConnectionsPerEndpoint: number;
  http1IdleMs: number;
}

/** A connection on its way in, as it is known so far. */
interface Incoming {
  readonly address: string;
  readonly port: number;
  readonly tls: Labels;
  readonly client: ClientInfo;
}

/** gRPC clients other than a sidecar offer `h2` and go no further when nothing of what they offer is chosen. */
const alpnProtocols = [transportAlpn, 'h2', 'http/1.1'];
const nothing = new Uint8Array(0);
const detectLimitBytes = 8 * 1024;
const plain: Labels = { tls: 'no_identity', no_tls_reason: 'no_tls_from_remote' };

/**
 * What comes to the workload: accept → TLS → target → policy → HTTP or opaque → the application.
 *
 *     redirected connection  -> its original port
 *     connection to 4143     -> mutual TLS, then a transport header that names the port
 *                               (explicit mode: without a header, the workload's first port)
 *     connection to a listener of explicit mode  -> the port that it stands for
 */
export class Inbound {
  private readonly options: InboundOptions;
  private readonly endpoints = new Map<string, Endpoint>();

  constructor(options: InboundOptions) {
    this.options = options;
    this.scheduleSweep();
  }

  accept(connection: Connection): void {
    const { explicit, defaultPort, listenPort } = this.options;
    if (explicit) {
      const own = this.options.explicitPorts.get(connection.localPort);
      this.acceptAt(connection, connection.localAddress, own ?? defaultPort, own === undefined);
      return;
    }
    const original = this.options.originalDestination(connection);
    if (original === undefined || original.port === listenPort) {
      this.acceptAt(connection, original?.address ?? connection.localAddress, undefined);
    } else this.acceptAt(connection, original.address, original.port);
  }

  drain(): void {
    for (const endpoint of this.endpoints.values()) endpoint.drain();
  }

  /** `port` is undefined when only a transport header can tell it; where one may come, the client speaks first. */
  private acceptAt(
    connection: Connection,
    address: string,
    port: number | undefined,
    mayNameItsTarget = port === undefined,
  ): void {
    const { targetAddresses, metrics, log } = this.options;
    if (targetAddresses.size > 0 && !targetAddresses.has(address)) {
      log.warn('connection to an address that is not of this workload refused', { target: address });
      metrics.tcpError('invalid target ip');
      connection.abort();
      return;
    }
    if (port === undefined) {
      this.detectTls(connection, address, undefined, nothing);
      return;
    }
    this.withPolicy(connection, port, nothing, (policy, bytes) => {
      if (policy.current.protocol === 'opaque' && !mayNameItsTarget) {
        // A server may speak first there: waiting for a ClientHello would wait for ever.
        const skipped: Labels = { tls: 'no_identity', no_tls_reason: 'port_skipped' };
        this.opaque(connection, this.incoming(connection, address, port, skipped), policy, bytes);
      } else this.detectTls(connection, address, policy, bytes);
    });
  }

  /**
   * Goes on once the policy of a port is known, and refuses the connection when it does not become known. Who goes on
   * releases the policy when the connection is over.
   */
  private withPolicy(
    connection: Connection,
    port: number,
    first: Uint8Array,
    goOn: (policy: KnownPortPolicy, bytes: Uint8Array) => void,
  ): void {
    const { policies, metrics, log } = this.options;
    const policy = policies.acquire(port);
    if (policy === undefined) {
      metrics.tcpError('no policy');
      connection.abort();
      return;
    }
    let held: Hold | undefined;
    policy.whenKnown((known) => {
      if (known === undefined) {
        log.warn('connection refused: the control plane has not said who may use its port', {
          port,
          client: connection.remoteAddress,
        });
        metrics.tcpError('no policy');
        policy.release();
        connection.abort();
      } else if (held === undefined) goOn(known, first);
      else held.release((bytes) => goOn(known, bytes));
    });
    if (policy.current === undefined) held = new Hold(connection, first, () => policy.release());
  }

  private detectTls(
    connection: Connection,
    address: string,
    policy: KnownPortPolicy | undefined,
    first: Uint8Array,
  ): void {
    const { clock, detectTimeoutMs, localName, metrics } = this.options;
    const limits = { timeoutMs: detectTimeoutMs, limitBytes: maxHelloBytes };
    const decide = (bytes: Uint8Array, final: boolean): boolean => {
      const hello = parseClientHello(bytes);
      if (hello.kind === 'more' && !final) return false;
      if (hello.kind === 'hello' && localName !== undefined && hello.serverName === localName) {
        this.secure(connection, address, policy, bytes);
      } else if (policy === undefined) {
        metrics.tcpError('no target');
        connection.abort();
      } else {
        const labels: Labels = hello.kind === 'hello' ? { tls: 'opaque', sni: hello.serverName ?? '' } : plain;
        const incoming = this.incoming(connection, address, policy.port, labels);
        if (hello.kind === 'hello' || policy.current.protocol === 'tls')
          this.opaque(connection, incoming, policy, bytes);
        else this.serve(connection, incoming, policy, bytes, undefined, final);
      }
      return true;
    };
    peek(connection, limits, clock, decide, () => policy?.release());
    if (first.length > 0) connection.handler.onBytes(first);
  }

  private secure(
    connection: Connection,
    address: string,
    policy: KnownPortPolicy | undefined,
    hello: Uint8Array,
  ): void {
    const { metrics, log } = this.options;
    const terminate = this.options.terminateTls();
    if (terminate === undefined) {
      metrics.tcpError('not ready');
      connection.abort();
      return;
    }
    terminate(
      connection,
      hello,
      alpnProtocols,
      (secure) => {
        if (secure.tls?.alpn === transportAlpn) {
          policy?.release();
          this.readTransportHeader(secure, address);
        } else if (policy === undefined) {
          metrics.tcpError('no target');
          secure.abort();
        } else {
          const incoming = this.incoming(secure, address, policy.port, tlsLabels(secure));
          this.serve(secure, incoming, policy, nothing, undefined);
        }
      },
      (reason) => {
        policy?.release();
        log.info('TLS handshake failed', { client: connection.remoteAddress, reason });
        metrics.tcpError('tls handshake');
      },
    );
  }

  private readTransportHeader(connection: Connection, address: string): void {
    const { clock, detectTimeoutMs, metrics, log } = this.options;
    const refuse = (reason: string): void => {
      log.info('transport header refused', { client: connection.remoteAddress, reason });
      metrics.tcpError('transport header');
      connection.abort();
    };
    const decide = (bytes: Uint8Array, final: boolean): boolean => {
      let decoded: { header: TransportHeader; length: number } | undefined;
      try {
        decoded = decodeTransportHeader(bytes);
      } catch (error) {
        refuse((error as Error).message);
        return true;
      }
      if (decoded === undefined) {
        if (final) refuse('incomplete');
        return final;
      }
      const { header, length } = decoded;
      if (connection.tls?.identity === undefined) refuse('the client showed no certificate');
      else if (header.name !== '' || header.port === this.options.listenPort) refuse('not a port of this workload');
      else {
        const port = this.options.explicitPorts.get(header.port) ?? header.port;
        const incoming = this.incoming(connection, address, port, tlsLabels(connection));
        this.withPolicy(connection, port, bytes.subarray(length), (policy, rest) => {
          if (header.protocol === undefined) this.opaque(connection, incoming, policy, rest);
          else this.serve(connection, incoming, policy, rest, header.protocol);
        });
      }
      return true;
    };
    peek(connection, { timeoutMs: detectTimeoutMs, limitBytes: detectLimitBytes }, clock, decide, () => {});
  }

  /**
   * Reads HTTP, or finds that it is none. `declared` is what the client's proxy said is spoken; with `final` nothing
   * more will come soon.
   */
  private serve(
    connection: Connection,
    incoming: Incoming,
    policy: KnownPortPolicy,
    bytes: Uint8Array,
    declared: HttpVersion | undefined,
    final = false,
  ): void {
    const { protocol, detectTimeoutMs } = policy.current;
    const fixed = declared ?? (protocol === 'http1' || protocol === 'http2' ? protocol : undefined);
    if (fixed !== undefined) {
      this.http(connection, incoming, policy, bytes, fixed);
      return;
    }
    if (protocol === 'opaque') {
      this.opaque(connection, incoming, policy, bytes);
      return;
    }
    const decide = (held: Uint8Array, final: boolean): boolean => {
      const detected = detectHttp(held, final);
      if (detected === 'more') return false;
      if (detected === 'opaque') this.opaque(connection, incoming, policy, held);
      else this.http(connection, incoming, policy, held, detected);
      return true;
    };
    if (final) {
      decide(bytes, true);
      return;
    }
    const limits = { timeoutMs: detectTimeoutMs, limitBytes: detectLimitBytes };
    peek(connection, limits, this.options.clock, decide, () => policy.release());
    if (bytes.length > 0) connection.handler.onBytes(bytes);
  }

  private http(
    connection: Connection,
    incoming: Incoming,
    policy: KnownPortPolicy,
    bytes: Uint8Array,
    version: HttpVersion,
  ): void {
    const { clock, turn, fields, open, metrics, log, maxInFlight, keepAlive } = this.options;
    const labels = { ...targetLabels(incoming.address, incoming.port), ...incoming.tls };
    const { client, port } = incoming;
    const endpoint = this.endpoint(incoming.address, port);
    const requests = new InboundHttp({
      clock,
      metrics,
      log,
      policy,
      port,
      client,
      labels,
      endpoint,
      version,
      maxInFlight,
    });
    const accepted = metrics.accepted(labels, policy.current, port);
    accepted.connectionOpened(connection);
    serveHttp(connection, version, bytes, {
      turn,
      fields,
      open,
      keepAlive: keepAlive && { times: keepAlive, timers: clock },
      onRequest: (stream, head, end) => requests.onRequest(stream, head, end),
      onRefused: () => metrics.httpError('bad request'),
      onClosed: (error) => {
        accepted.connectionClosed(connection, errnoOf(error));
        requests.close();
        policy.release();
      },
    });
  }

  private opaque(connection: Connection, incoming: Incoming, policy: KnownPortPolicy, bytes: Uint8Array): void {
    const { metrics, open, dialer, log } = this.options;
    const { port } = incoming;
    const labels = { ...targetLabels(incoming.address, port), ...incoming.tls };
    const authz = authorize(policy.current.authorizations, incoming.client);
    if (authz === undefined) {
      log.info('connection denied', decisionFields(labels, policy.current, port, undefined, undefined));
      metrics.tcpDeny(labels, policy.current, port);
      policy.release();
      connection.abort();
      return;
    }
    metrics.tcpAllow(labels, policy.current, port, authz);
    if (authz.audit) log.info('connection allowed', decisionFields(labels, policy.current, port, undefined, authz));
    const accepted = metrics.accepted(labels, policy.current, port);
    accepted.connectionOpened(connection);
    policy.subscribe(() => {
      if (authorize(policy.current.authorizations, incoming.client) !== undefined) return;
      metrics.tcpTerminate(labels, policy.current, port);
      log.info('connection terminated', decisionFields(labels, policy.current, port, undefined, undefined));
      connection.abort();
    });
    const tunnel = { drain: () => {} };
    open.add(tunnel);
    const closed = (error: Error | undefined): void => {
      policy.release();
      open.remove(tunnel);
      accepted.connectionClosed(connection, errnoOf(error));
    };
    const held = new Hold(connection, bytes, closed);
    dialer.dialTcp(
      this.endpoint(incoming.address, port),
      (application) => {
        if (held.gone) {
          application.close();
          return;
        }
        held.release((first) => {
          splice(connection, application, closed);
          if (first.length > 0) application.write(first);
        });
      },
      (reason) => {
        metrics.tcpError(reason);
        if (!held.gone) connection.abort();
      },
    );
  }

  /** The application at one of its ports. */
  private endpoint(address: string, port: number): Endpoint {
    const key = `${address} ${port}`;
    let endpoint = this.endpoints.get(key);
    if (endpoint === undefined) {
      const info = plaintextEndpoint(address, port, 'loopback');
      const { maxConnectionsPerEndpoint } = this.options;
      endpoint = new Endpoint(info, this.options.dialer, {
        maxHttp1Connections: maxConnectionsPerEndpoint,
        maxHttp2Connections: 16,
        maxWaiters: maxConnectionsPerEndpoint,
      });
      this.endpoints.set(key, endpoint);
    }
    return endpoint;
  }

  private incoming(connection: Connection, address: string, port: number, tls: Labels): Incoming {
    const client: ClientInfo = {
      address: parseIp(connection.remoteAddress),
      tls: connection.tls !== undefined,
      identity: connection.tls?.identity,
    };
    return { address, port, tls, client };
  }

  private scheduleSweep(): void {
    this.options.clock.after(this.options.http1IdleMs, () => {
      const nowMs = this.options.clock.nowMs();
      for (const endpoint of this.endpoints.values()) endpoint.sweep(nowMs);
      this.scheduleSweep();
    });
  }
}

/** A client without a certificate has an empty id. */
function tlsLabels(connection: Connection): Labels {
  return { tls: 'true', client_id: connection.tls?.identity ?? '' };
}
