import { peek } from '../accept/peek.ts';
import type { TerminateTls } from '../accept/terminate-tls.ts';
import type { KnownPortPolicy } from '../policy/inbound/port-policy.ts';
import { isDeclaredHttp } from '../policy/inbound/server-policy.ts';
import type { Labels } from '../telemetry/labels.ts';
import { maxHelloBytes, parseClientHello } from '../wire/detect/client-hello.ts';
import { decodeTransportHeader, type TransportHeader, transportAlpn } from '../wire/detect/transport-header.ts';
import type { Connection } from '../wire/transport.ts';
import { type Incoming, incoming } from './incoming.ts';
import { type KnownPolicyOptions, withKnownPolicy } from './known-policy.ts';
import { carryUnknown, type InboundProtocolOptions, serveProtocol } from './protocol.ts';
import { carryOpaque } from './tcp.ts';

export interface InboundTlsOptions extends InboundProtocolOptions, KnownPolicyOptions {
  /** The name that clients of the mesh ask for; undefined without identity. */
  localName: string | undefined;
  /** Undefined as long as there is no certificate. */
  terminateTls: () => TerminateTls | undefined;
  /** How long a ClientHello, and then a transport header, is waited for, in ms. */
  detectTimeoutMs: number;
  /** Whether an address and port are of a listener of this proxy: never a target. */
  isOwnListener: (address: string, port: number) => boolean;
  /** The workload's port that each further listener of explicit mode stands for. */
  explicitPorts: ReadonlyMap<number, number>;
}

/** gRPC clients other than a sidecar offer `h2` and go no further when nothing of what they offer is chosen. */
const alpnProtocols = [transportAlpn, 'h2', 'http/1.1'];
const nothing = new Uint8Array(0);
const headerLimitBytes = 8 * 1024;
/** The name that it asks for is whatever a client makes up: it is no label, other than at Linkerd's proxy. */
const foreignTls: Labels = { tls: 'opaque' };
const plain: Labels = { tls: 'no_identity', no_tls_reason: 'no_tls_from_remote' };

/**
 * Terminates the mesh's TLS where a connection brings it, reads the transport header where there is one, and goes on to
 * what is spoken inside. `policy` is that of the port it came to; undefined when only a transport header names one.
 */
export class InboundTls {
  private readonly options: InboundTlsOptions;

  constructor(options: InboundTlsOptions) {
    this.options = options;
  }

  detect(connection: Connection, address: string, policy: KnownPortPolicy | undefined, first: Uint8Array): void {
    const { clock, detectTimeoutMs, localName, metrics } = this.options;
    const limits = { timeoutMs: detectTimeoutMs, limitBytes: maxHelloBytes };
    const decide = (bytes: Uint8Array, final: boolean): boolean => {
      const hello = parseClientHello(bytes);
      if (hello.kind === 'more' && !final) return false;
      if (hello.kind === 'hello' && localName !== undefined && hello.serverName === localName) {
        this.terminate(connection, address, policy, bytes);
      } else if (policy === undefined) {
        metrics.tcpError('no target');
        connection.abort();
      } else {
        const labels = hello.kind === 'hello' ? foreignTls : plain;
        const coming = incoming(connection, address, policy.port, labels, this.options.applications);
        if (hello.kind === 'hello' && !isDeclaredHttp(policy.current)) this.carry(connection, coming, policy, bytes);
        else serveProtocol(connection, coming, policy, bytes, undefined, final, this.options);
      }
      return true;
    };
    peek(connection, limits, clock, decide, () => policy?.release());
    if (first.length > 0) connection.handler.onBytes(first);
  }

  private terminate(
    connection: Connection,
    address: string,
    policy: KnownPortPolicy | undefined,
    hello: Uint8Array,
  ): void {
    const { metrics, peerLog } = this.options;
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
          const coming = incoming(secure, address, policy.port, tlsLabels(secure), this.options.applications);
          serveProtocol(secure, coming, policy, nothing, undefined, false, this.options);
        }
      },
      (reason) => {
        policy?.release();
        const key = `TLS handshake failed ${connection.remoteAddress}`;
        peerLog.info(key, 'TLS handshake failed', { client: connection.remoteAddress, reason });
        metrics.tcpError('tls handshake');
      },
    );
  }

  private readTransportHeader(connection: Connection, address: string): void {
    const { clock, detectTimeoutMs } = this.options;
    const decide = (bytes: Uint8Array, final: boolean): boolean => {
      let decoded: { header: TransportHeader; length: number } | undefined;
      try {
        decoded = decodeTransportHeader(bytes);
      } catch (error) {
        this.refuseHeader(connection, (error as Error).message);
        return true;
      }
      if (decoded === undefined) {
        if (final) this.refuseHeader(connection, 'incomplete');
        return final;
      }
      this.followHeader(connection, address, decoded.header, bytes.subarray(decoded.length));
      return true;
    };
    peek(connection, { timeoutMs: detectTimeoutMs, limitBytes: headerLimitBytes }, clock, decide, () => {});
  }

  private followHeader(connection: Connection, address: string, header: TransportHeader, rest: Uint8Array): void {
    const { explicitPorts, isOwnListener } = this.options;
    if (connection.tls?.identity === undefined) {
      this.refuseHeader(connection, 'the client showed no certificate');
      return;
    }
    const port = explicitPorts.get(header.port) ?? header.port;
    if (header.name !== '' || isOwnListener(address, port)) {
      this.refuseHeader(connection, 'not a port of this workload');
      return;
    }
    const coming = incoming(connection, address, port, tlsLabels(connection), this.options.applications);
    withKnownPolicy(connection, port, rest, this.options, (policy, bytes) => {
      // What a client says of its bytes does not open a port that speaks HTTP for anything else.
      if (header.protocol === undefined && !isDeclaredHttp(policy.current))
        this.carry(connection, coming, policy, bytes);
      else serveProtocol(connection, coming, policy, bytes, header.protocol, false, this.options);
    });
  }

  /** As opaque bytes: what its client says it is. */
  private carry(connection: Connection, coming: Incoming, policy: KnownPortPolicy, bytes: Uint8Array): void {
    const carry = policy.current.protocol === 'detect' ? carryUnknown : carryOpaque;
    carry(connection, coming, policy, bytes, this.options);
  }

  private refuseHeader(connection: Connection, reason: string): void {
    const key = `transport header refused ${connection.remoteAddress}`;
    this.options.peerLog.info(key, 'transport header refused', { client: connection.remoteAddress, reason });
    this.options.metrics.tcpError('transport header');
    connection.abort();
  }
}

/** A client without a certificate has an empty id. */
function tlsLabels(connection: Connection): Labels {
  return { tls: 'true', client_id: connection.tls?.identity ?? '' };
}
