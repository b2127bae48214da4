import type { TimerHandle, Timers } from '../clock.ts';
import { nobody } from '../wire/nobody.ts';
import { SocketConnection, socketHandlers } from './socket-connection.ts';
import type { SocketOptions } from './socket-options.ts';
import { setSocketOptions } from './system-calls.ts';
import { alpnWire, peerIdentity, proves, type TlsContext } from './tls.ts';

export type ConnectFailure = 'connect' | 'connect timeout' | 'tls';

export interface ConnectOptions {
  host: string;
  port: number;
  /** Until TCP is connected and TLS established. */
  timeoutMs: number;
  timers: Timers;
  options?: SocketOptions;
  tls?: {
    context: TlsContext;
    serverName: string;
    /** DNS name or SPIFFE id that the peer's certificate must carry, whatever name is asked for. */
    identity: string;
    alpn: readonly string[];
  };
}

/** The runtime's word for a certificate that the anchors vouch for, and that carries another name than was asked for. */
const otherName = 'ERR_TLS_CERT_ALTNAME_INVALID';

/**
 * Opens a connection. Exactly one of the callbacks is called, once; `onConnected` must set the connection's handler
 * before it returns.
 */
export function connect(
  options: ConnectOptions,
  onConnected: (connection: SocketConnection) => void,
  onFailed: (failure: ConnectFailure, detail: string) => void,
): void {
  const { timers } = options;
  const connection = new SocketConnection();
  let settled = false;
  const settle = (): boolean => {
    if (settled) return false;
    settled = true;
    timers.cancel(timer);
    return true;
  };
  const fail = (failure: ConnectFailure, detail: string): void => {
    if (settle()) onFailed(failure, detail);
  };
  const expire = (): void => {
    fail('connect timeout', `no connection to ${options.host}:${options.port} within ${options.timeoutMs} ms`);
    connection.abort();
  };
  let timer: TimerHandle = timers.after(options.timeoutMs, () => {
    // When this process stood still (a long turn, a CPU quota), the connection may be there unseen: look once more.
    timer = timers.after(1, expire);
  });

  const { tls } = options;
  // The runtime checks the name that is asked for, after the chain; where the identity is another, it is checked here.
  const sameName = tls?.serverName === tls?.identity;
  connection.handler = {
    ...nobody,
    onClose: (error) => fail(tls === undefined ? 'connect' : 'tls', error?.message ?? 'closed by the peer'),
  };
  connection.onOpen = (socket) => {
    connection.attach(socket);
    if (settled) {
      // The deadline passed while the kernel was still trying.
      connection.abort();
      return;
    }
    if (options.options !== undefined) setSocketOptions((socket as unknown as { fd: number }).fd, options.options);
    if (tls === undefined && settle()) onConnected(connection);
  };
  if (tls !== undefined) {
    connection.onHandshake = (socket, verified, error) => {
      const trusted = verified || (!sameName && (error as NodeJS.ErrnoException | null)?.code === otherName);
      if (!trusted || !proves(socket, tls.identity)) {
        fail(
          'tls',
          trusted
            ? `the peer is ${peerIdentity(socket)}, not ${tls.identity}`
            : (error?.message ?? 'certificate not trusted'),
        );
        connection.abort();
        return;
      }
      connection.tls = { identity: tls.identity, alpn: socket.alpnProtocol || undefined };
      if (settle()) onConnected(connection);
    };
  }
  Bun.connect<SocketConnection>({
    hostname: options.host,
    port: options.port,
    allowHalfOpen: true,
    data: connection,
    socket: {
      ...socketHandlers,
      connectError: (_socket: unknown, error: Error) => fail('connect', error.message),
    },
    ...(tls === undefined
      ? {}
      : {
          tls: {
            secureContext: tls.context.client,
            serverName: tls.serverName,
            rejectUnauthorized: sameName,
            ...(tls.alpn.length > 0 ? { ALPNProtocols: alpnWire(tls.alpn) } : {}),
          },
        }),
  } as unknown as Parameters<typeof Bun.connect<SocketConnection>>[0]).catch((error: Error) =>
    fail('connect', error.message),
  );
}
