import type { TcpFailure } from '../backend/failing.ts';
import type { TcpWaiter } from '../backend/tcp-balancer.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { fail } from '../exchange/own-answer.ts';
import type { ProxyFailure } from '../exchange/proxy-failure.ts';
import type { Connection } from '../wire/transport.ts';

/** A connection that a change of policy may end. */
export interface EndableWaiter extends TcpWaiter {
  /** It has, or waits for, an endpoint that it may have no longer. */
  end(reason: TcpFailure, detail: string): void;
}

/** What a new policy says of what goes on already; undefined where it may go on. */
export interface Refusals {
  request(exchange: Exchange): ProxyFailure | undefined;
  connection(serverName: string | undefined): { readonly reason: TcpFailure; readonly detail: string } | undefined;
}

/** What goes on at one target outside of the mesh: who comes to be kept from it is cut off there, too. */
export class OpenCalls {
  /** Requests under way: each is here from its start to its end. */
  readonly exchanges = new Set<Exchange>();
  private readonly connections = new Set<OpenConnection>();

  /** The same connection, to be connected in its place. `serverName` is what its TLS asks for, if that was read. */
  add(waiter: EndableWaiter, serverName: string | undefined): TcpWaiter {
    const connection = new OpenConnection(waiter, serverName, () => this.connections.delete(connection));
    this.connections.add(connection);
    return connection;
  }

  /** Ends what the policy refuses that holds from now on. */
  recheck(refusals: Refusals): void {
    for (const connection of [...this.connections]) {
      const refused = refusals.connection(connection.serverName);
      if (refused !== undefined) connection.end(refused.reason, refused.detail);
    }
    for (const exchange of [...this.exchanges]) {
      const failure = refusals.request(exchange);
      if (failure !== undefined) fail(exchange, failure, 'a change of policy has ended it');
    }
  }
}

class OpenConnection implements TcpWaiter {
  readonly serverName: string | undefined;
  private readonly waiter: EndableWaiter;
  private readonly forget: () => void;
  /** Why it was ended; undefined while it was not. */
  private ended: TcpFailure | undefined = undefined;

  constructor(waiter: EndableWaiter, serverName: string | undefined, forget: () => void) {
    this.waiter = waiter;
    this.serverName = serverName;
    this.forget = forget;
  }

  get gone(): boolean {
    return this.ended !== undefined || this.waiter.gone;
  }

  onConnected(connection: Connection, closed: (reason?: TcpFailure) => void): void {
    if (this.ended !== undefined) {
      connection.close();
      closed(this.ended);
      return;
    }
    this.waiter.onConnected(connection, () => {
      this.forget();
      closed(this.ended);
    });
  }

  onFailed(reason: TcpFailure, detail: string): void {
    this.forget();
    if (this.ended === undefined) this.waiter.onFailed(reason, detail);
  }

  end(reason: TcpFailure, detail: string): void {
    this.ended = reason;
    this.forget();
    this.waiter.end(reason, detail);
  }
}
