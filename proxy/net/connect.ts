import type { TimerHandle, Timers } from '../clock.ts';
import { nobody } from '../wire/nobody.ts';
import { SocketConnection, socketHandlers } from './socket-connection.ts';
import type { SocketOptions } from './socket-options.ts';
import { setSocketOptions } from './system-calls.ts';
import { alpnWire, peerIdentity, type TlsContext } from './tls.ts';

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
    /** DNS SAN that the peer's certificate must carry. */
    identity: string;
    alpn: readonly string[];
  };
}

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
      const identity = peerIdentity(socket);
      if (!verified || identity !== tls.identity) {
        fail(
          'tls',
          verified ? `the peer is ${identity}, not ${tls.identity}` : (error?.message ?? 'certificate not trusted'),
        );
        connection.abort();
        return;
      }
      connection.tls = { identity, alpn: socket.alpnProtocol || undefined };
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
            rejectUnauthorized: true,
            ...(tls.alpn.length > 0 ? { ALPNProtocols: alpnWire(tls.alpn) } : {}),
          },
        }),
  } as unknown as Parameters<typeof Bun.connect<SocketConnection>>[0]).catch((error: Error) =>
    fail('connect', error.message),
  );
}
