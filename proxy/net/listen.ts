import type { TCPSocketListenOptions } from 'bun';
import { AcceptGate } from './accept-gate.ts';
import { SocketConnection, socketHandlers } from './socket-connection.ts';
import type { SocketOptions } from './socket-options.ts';
import { maxDescriptors, raiseBacklog, setSocketOptions } from './system-calls.ts';

export interface Listener {
  readonly port: number;
  /** Accepts nothing more; connections that are open stay. */
  stop(): void;
}

export interface ListenOptions {
  /** Several processes may listen there, and each connection goes to one of them. */
  readonly shared?: boolean;
  /** Of the connections. */
  readonly options?: SocketOptions;
  /**
   * Which part of all descriptors that this process may have are for what comes here and before it: a connection beyond
   * is closed at once, and `onShort` told. Without, the last one would be taken, and then nobody could be answered.
   */
  readonly share?: { readonly part: number; readonly onShort: () => void };
}

/**
 * Accepts connections on `host:port`. `onAccept` must set the connection's handler before it returns.
 */
export function listen(
  host: string,
  port: number,
  onAccept: (connection: SocketConnection) => void,
  { shared = false, options, share }: ListenOptions = {},
): Listener {
  // The kernel gives the lowest number that is free, so a number tells how many there are.
  const firstBeyond = share === undefined ? Number.POSITIVE_INFINITY : maxDescriptors() * share.part;
  let gate: AcceptGate | undefined;
  const listenOptions: TCPSocketListenOptions<SocketConnection> & { reusePort: boolean } = {
    hostname: host,
    port,
    allowHalfOpen: true,
    // SO_REUSEPORT; the types do not know it.
    reusePort: shared,
    data: new SocketConnection(),
    socket: {
      ...socketHandlers,
      open(socket) {
        gate?.count();
        if ((socket as unknown as { fd: number }).fd >= firstBeyond) {
          socket.data = new SocketConnection();
          socket.terminate();
          share?.onShort();
          return;
        }
        const connection = new SocketConnection();
        connection.attach(socket);
        onAccept(connection);
      },
    },
  };
  const listener = Bun.listen<SocketConnection>(listenOptions);
  // Bun listens with a backlog of 512, whatever it is asked for.
  const { fd } = listener as unknown as { fd: number };
  raiseBacklog(fd, 4096);
  if (options !== undefined) setSocketOptions(fd, options);
  gate = new AcceptGate(fd);
  const stop = (): void => {
    gate?.close();
    listener.stop(false);
  };
  return { port: listener.port, stop };
}
