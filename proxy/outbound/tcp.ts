import { Hold } from '../accept/hold.ts';
import type { OpenConnections } from '../accept/open-connections.ts';
import { isRefusal, type TcpFailure } from '../backend/failing.ts';
import { splice } from '../opaque/splice.ts';
import type { LimitedLog } from '../telemetry/limited-log.ts';
import { formatHostPort } from '../wire/ip-network.ts';
import type { Connection } from '../wire/transport.ts';
import type { OutboundMetrics } from './metrics.ts';
import type { EndableWaiter } from './open-calls.ts';
import type { Target } from './target.ts';

export interface TunnelOptions {
  readonly open: OpenConnections;
  readonly metrics: OutboundMetrics;
  /** Of what clients bring about. */
  readonly peerLog: LimitedLog;
}

/**
 * Carries a connection as opaque bytes to where the routes of its target send it. `bytes` have been read of it;
 * `serverName` is what its TLS asks for, if that was read.
 */
export function tunnel(
  connection: Connection,
  target: Target,
  bytes: Uint8Array,
  closed: (error: Error | undefined) => void,
  options: TunnelOptions,
  serverName?: string,
): void {
  target.connect(new Tunnel(connection, target, bytes, closed, options), serverName);
}

/** A connection that waits for its endpoint, and then is joined with it. */
class Tunnel implements EndableWaiter {
  private readonly connection: Connection;
  private readonly target: Target;
  private readonly held: Hold;
  private readonly closed: (error: Error | undefined) => void;
  private readonly options: TunnelOptions;

  constructor(
    connection: Connection,
    target: Target,
    bytes: Uint8Array,
    closed: (error: Error | undefined) => void,
    options: TunnelOptions,
  ) {
    this.connection = connection;
    this.target = target;
    this.closed = closed;
    this.options = options;
    this.held = new Hold(connection, bytes, closed);
  }

  get gone(): boolean {
    return this.held.gone;
  }

  onConnected(upstream: Connection, upstreamClosed: () => void): void {
    if (this.held.gone) {
      upstream.close();
      upstreamClosed();
      return;
    }
    const { open } = this.options;
    const shown = { drain: () => {} };
    open.add(shown, this.connection, 'opaque');
    this.held.release((first) => {
      splice(this.connection, upstream, (error) => {
        open.remove(shown);
        upstreamClosed();
        this.closed(error);
      });
      if (first.length > 0) upstream.write(first);
    });
  }

  onFailed(reason: TcpFailure, detail: string): void {
    const { metrics, peerLog } = this.options;
    metrics.tcpError(reason === 'overflow' ? 'loadshed' : reason);
    if (isRefusal(reason)) {
      const message = 'connection refused by the routes of its target';
      const target = formatHostPort(this.target.name.host, this.target.name.port);
      peerLog.warn(`${message} ${target} ${reason}`, message, { target, reason, detail });
    }
    if (!this.held.gone) this.connection.abort();
  }

  /** Its application learns of it as it does of a refusal; a tunnel takes its other end with it. */
  end(reason: TcpFailure, detail: string): void {
    this.onFailed(reason, detail);
  }
}
