import { targetLabels } from '../telemetry/endpoint-labels.ts';
import { errnoOf } from '../upstream/dialer.ts';
import { isLoopback } from '../wire/ip-network.ts';
import type { Connection } from '../wire/transport.ts';
import { Carrier, type CarryOptions } from './carry.ts';

export interface OutboundOptions extends CarryOptions {
  /** Targets come from requests: absolute-form, CONNECT or `Host`. */
  explicit: boolean;
  /** Where a redirected connection went; undefined when it was not redirected. */
  originalDestination: (connection: Connection) => { address: string; port: number } | undefined;
  /** Whether an address and port are of a listener of this proxy. */
  isOwnListener: (address: string, port: number) => boolean;
}

/**
 * What the workload sends: accept → carry → http | tcp → target → backend. The original destination of a connection says
 * where it goes; in explicit mode each request does.
 */
export class Outbound {
  private readonly options: OutboundOptions;
  private readonly carrier: Carrier;

  constructor(options: OutboundOptions) {
    this.options = options;
    this.carrier = new Carrier(options);
  }

  /** Takes a connection of the workload. */
  accept(connection: Connection): void {
    const { explicit, targets, peerLog, metrics } = this.options;
    if (explicit) {
      this.acceptExplicit(connection);
      return;
    }
    const address = this.options.originalDestination(connection);
    if (address === undefined || this.options.isOwnListener(address.address, address.port)) {
      const message = 'connection to the outbound listener itself refused';
      peerLog.warn(message, message, { client: connection.remoteAddress });
      metrics.tcpError('loop');
      connection.abort();
      return;
    }
    const target = targets.forAddress(address.address, address.port);
    const counted = this.counted(connection, targetLabels(address.address, address.port));
    if (target === undefined) {
      metrics.tcpError('loadshed');
      connection.abort();
      return;
    }
    target.retain();
    this.carrier.carry(connection, target, (error) => {
      target.release();
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
      const message = 'connection of another host to the outbound listener refused';
      this.options.peerLog.warn(`${message} ${remoteAddress}`, message, { client: remoteAddress });
      this.options.metrics.tcpError('not local');
      connection.abort();
      return;
    }
    this.carrier.detect(connection, undefined, this.counted(connection, {}));
  }

  /** Counts a connection of the workload, and returns what to call when it has closed. */
  private counted(
    connection: Connection,
    labels: Readonly<Record<string, string>>,
  ): (error: Error | undefined) => void {
    const metrics = this.options.metrics.accepted(labels);
    metrics.connectionOpened(connection);
    return (error) => metrics.connectionClosed(connection, errnoOf(error));
  }
}
