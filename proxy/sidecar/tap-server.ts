import type { ClientBudgets } from '../accept/client-budgets.ts';
import { OpenConnections } from '../accept/open-connections.ts';
import { peek } from '../accept/peek.ts';
import { serveHttp } from '../accept/serve-http.ts';
import type { TerminateTls } from '../accept/terminate-tls.ts';
import type { Clock } from '../clock.ts';
import type { ProxyConfig } from '../config.ts';
import type { SocketConnection } from '../net/socket-connection.ts';
import type { EventLoopTurn } from '../net/turn.ts';
import type { TapService } from '../tap/service.ts';
import { maxHelloBytes, parseClientHello } from '../wire/detect/client-hello.ts';
import { detectHttp } from '../wire/detect/http-detect.ts';
import type { FieldTable } from '../wire/field-table.ts';
import type { Connection } from '../wire/transport.ts';

export interface TapServerOptions {
  readonly service: TapService;
  readonly config: ProxyConfig;
  readonly clock: Clock;
  readonly turn: EventLoopTurn;
  readonly fields: FieldTable;
  /** Each has a share of the connections. */
  readonly clients: ClientBudgets;
  /** Undefined as long as there is no certificate. */
  readonly terminateTls: () => TerminateTls | undefined;
}

/** A tap of a peer that is gone ends, where no other times are set. */
const keepAlive = { intervalMs: 10_000, timeoutMs: 3000 };

/**
 * Connections of the control port. Who comes with the mesh's TLS is who its certificate proves; who comes in plaintext is
 * nobody, and told so where it speaks HTTP/2. Nothing else is served.
 */
export class TapServer {
  private readonly options: TapServerOptions;

  constructor(options: TapServerOptions) {
    this.options = options;
  }

  accept(connection: SocketConnection): void {
    const { clients, clock, config } = this.options;
    if (!clients.admit(connection)) {
      connection.abort();
      return;
    }
    const limits = { timeoutMs: config.inbound.detectTimeoutMs, limitBytes: maxHelloBytes };
    peek(
      connection,
      limits,
      clock,
      (bytes, final) => this.decide(connection, bytes, final),
      () => {},
    );
  }

  private decide(connection: Connection, bytes: Uint8Array, final: boolean): boolean {
    const hello = parseClientHello(bytes);
    if (hello.kind === 'more' && !final) return false;
    if (hello.kind !== 'hello') return this.serve(connection, bytes, final);
    const { config, clock, terminateTls } = this.options;
    const terminate = hello.serverName === config.identity?.localName ? terminateTls() : undefined;
    if (terminate === undefined) {
      connection.abort();
      return true;
    }
    const limits = { timeoutMs: config.inbound.detectTimeoutMs, limitBytes: maxHelloBytes };
    terminate(
      connection,
      bytes,
      ['h2'],
      (secure) =>
        peek(
          secure,
          limits,
          clock,
          (inside, last) => this.serve(secure, inside, last),
          () => {},
        ),
      () => {},
    );
    return true;
  }

  private serve(connection: Connection, bytes: Uint8Array, final: boolean): boolean {
    const version = detectHttp(bytes, final);
    if (version === 'more') return false;
    if (version !== 'http2') {
      connection.abort();
      return true;
    }
    const { clock, turn, fields, config, service } = this.options;
    // A tap must not hold a shutdown up.
    const open = new OpenConnections(clock, config.deadlines);
    serveHttp(
      connection,
      'http2',
      bytes,
      { clock, turn, fields, open, keepAlive: config.inbound.serverKeepAlive ?? keepAlive },
      {
        onRequest: (stream, head, end) => service.onRequest(stream, head, end, connection.tls?.identity),
        onRefused: () => {},
        onClosed: () => {},
      },
    );
    return true;
  }
}
