import { Hold } from '../accept/hold.ts';
import type { OpenConnections } from '../accept/open-connections.ts';
import type { TcpFailure } from '../backend/failing.ts';
import type { TcpWaiter } from '../backend/tcp-balancer.ts';
import { splice } from '../opaque/splice.ts';
import type { Connection } from '../wire/transport.ts';
import type { OutboundMetrics } from './metrics.ts';
import type { Target } from './target.ts';

export interface TunnelOptions {
  readonly open: OpenConnections;
  readonly metrics: OutboundMetrics;
}

/** Carries a connection as opaque bytes to an endpoint of its target. `bytes` have been read of it. */
export function tunnel(
  connection: Connection,
  target: Target,
  bytes: Uint8Array,
  closed: (error: Error | undefined) => void,
  options: TunnelOptions,
): void {
  target.backend.connect(new Tunnel(connection, bytes, closed, options));
}

/** A connection that waits for its endpoint, and then is joined with it. */
class Tunnel implements TcpWaiter {
  private readonly connection: Connection;
  private readonly held: Hold;
  private readonly closed: (error: Error | undefined) => void;
  private readonly options: TunnelOptions;

  constructor(
    connection: Connection,
    bytes: Uint8Array,
    closed: (error: Error | undefined) => void,
    options: TunnelOptions,
  ) {
    this.connection = connection;
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
    open.add(shown);
    this.held.release((first) => {
      splice(this.connection, upstream, (error) => {
        open.remove(shown);
        upstreamClosed();
        this.closed(error);
      });
      if (first.length > 0) upstream.write(first);
    });
  }

  onFailed(reason: TcpFailure): void {
    this.options.metrics.tcpError(reason === 'overflow' ? 'loadshed' : reason);
    if (!this.held.gone) this.connection.abort();
  }
}
