import type { ClientBudgets } from '../accept/client-budgets.ts';
import { OpenConnections } from '../accept/open-connections.ts';
import { serveHttp } from '../accept/serve-http.ts';
import { AdminAccess, type AdminAccessOptions, type ServeAdmin } from '../admin/access.ts';
import { Admin, type AdminOptions } from '../admin/admin.ts';
import type { Clock } from '../clock.ts';
import type { ProxyConfig } from '../config.ts';
import type { SocketConnection } from '../net/socket-connection.ts';
import type { EventLoopTurn } from '../net/turn.ts';
import type { FieldTable } from '../wire/field-table.ts';

export interface AdminServerOptions
  extends Omit<AdminOptions, 'timers' | 'shutdownEnabled'>,
    Pick<AdminAccessOptions, 'policies' | 'terminateTls'> {
  config: ProxyConfig;
  clock: Clock;
  turn: EventLoopTurn;
  fields: FieldTable;
  /** Each has a share of the connections. */
  clients: ClientBudgets;
}

/** The admin server's connections: who may have one, who it is, and what is spoken on it. */
export class AdminServer {
  private readonly options: AdminServerOptions;
  private readonly access: AdminAccess;
  private readonly admin: Admin;

  constructor(options: AdminServerOptions) {
    this.options = options;
    const { config, clock } = options;
    this.access = new AdminAccess({
      ...options,
      timers: clock,
      localName: config.identity?.localName,
      detectTimeoutMs: config.inbound.detectTimeoutMs,
    });
    this.admin = new Admin({ ...options, timers: clock, shutdownEnabled: config.admin.shutdownEnabled });
  }

  accept(connection: SocketConnection): void {
    if (this.options.clients.admit(connection)) {
      this.access.accept(connection, (...served) => this.serve(...served));
    } else connection.abort();
  }

  private serve(...[connection, version, bytes, caller, closed]: Parameters<ServeAdmin>): void {
    const { clock, turn, fields, config } = this.options;
    // A scrape must not hold a shutdown up.
    const open = new OpenConnections(clock, config.deadlines);
    const options = { clock, turn, fields, open, keepAlive: undefined };
    serveHttp(connection, version, bytes, options, {
      onRequest: (stream, head, end) => this.admin.onRequest(stream, head, end, caller),
      onRefused: () => {},
      onClosed: closed,
    });
  }
}
