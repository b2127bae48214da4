import type { Labels } from '../telemetry/labels.ts';
import type { Connection } from '../wire/transport.ts';
import { incoming } from './incoming.ts';
import { withKnownPolicy } from './known-policy.ts';
import { carryOpaque } from './tcp.ts';
import { InboundTls, type InboundTlsOptions } from './tls.ts';

export interface InboundOptions extends InboundTlsOptions {
  /** No interception: connections come to listeners of this proxy. */
  explicit: boolean;
  /** The port of this proxy where transport headers tell the target. */
  listenPort: number;
  /** Where connections in explicit mode go that name no target. */
  defaultPort: number | undefined;
  /** Target addresses that are taken; all, when there is none. */
  targetAddresses: ReadonlySet<string>;
  /** Where a redirected connection went; undefined when it was not redirected. */
  originalDestination: (connection: Connection) => { address: string; port: number } | undefined;
}

const nothing = new Uint8Array(0);
const skipped: Labels = { tls: 'no_identity', no_tls_reason: 'port_skipped' };

/**
 * What comes to the workload: accept → policy → tls → protocol → http | tcp → application.
 *
 *     redirected connection  -> its original port
 *     connection to 4143     -> mutual TLS, then a transport header that names the port
 *                               (explicit mode: without a header, the workload's first port)
 *     connection to a listener of explicit mode  -> the port that it stands for
 */
export class Inbound {
  private readonly options: InboundOptions;
  private readonly tls: InboundTls;

  constructor(options: InboundOptions) {
    this.options = options;
    this.tls = new InboundTls(options);
  }

  accept(connection: Connection): void {
    const { explicit, defaultPort, listenPort, explicitPorts } = this.options;
    if (explicit) {
      const own = explicitPorts.get(connection.localPort);
      this.acceptAt(connection, connection.localAddress, own ?? defaultPort, own === undefined);
      return;
    }
    const original = this.options.originalDestination(connection);
    if (original === undefined || original.port === listenPort) {
      this.acceptAt(connection, original?.address ?? connection.localAddress, undefined);
    } else this.acceptAt(connection, original.address, original.port);
  }

  /** `port` is undefined when only a transport header can tell it; where one may come, the client speaks first. */
  private acceptAt(
    connection: Connection,
    address: string,
    port: number | undefined,
    mayNameItsTarget = port === undefined,
  ): void {
    const { targetAddresses, isOwnListener, metrics, peerLog, applications } = this.options;
    if (targetAddresses.size > 0 && !targetAddresses.has(address)) {
      const message = 'connection to an address that is not of this workload refused';
      peerLog.warn(message, message, { target: address, client: connection.remoteAddress });
      metrics.tcpError('invalid target ip');
      connection.abort();
      return;
    }
    if (port !== undefined && isOwnListener(address, port)) {
      const message = 'connection to a listener of this proxy itself refused';
      peerLog.warn(message, message, { client: connection.remoteAddress, port });
      metrics.tcpError('loop');
      connection.abort();
      return;
    }
    if (port === undefined) {
      this.tls.detect(connection, address, undefined, nothing);
      return;
    }
    withKnownPolicy(connection, port, nothing, this.options, (policy, bytes) => {
      // A server may speak first there: waiting for a ClientHello would wait for ever.
      if (policy.current.protocol === 'opaque' && !mayNameItsTarget) {
        carryOpaque(
          connection,
          incoming(connection, address, port, skipped, applications),
          policy,
          bytes,
          this.options,
        );
      } else this.tls.detect(connection, address, policy, bytes);
    });
  }
}
