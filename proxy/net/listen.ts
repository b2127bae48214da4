import type { TCPSocketListenOptions } from 'bun';
import { SocketConnection, socketHandlers } from './socket-connection.ts';
import type { SocketOptions } from './socket-options.ts';
import { raiseBacklog, setSocketOptions } from './system-calls.ts';

export interface Listener {
  readonly port: number;
  /** Accepts nothing more; connections that are open stay. */
  stop(): void;
}

/**
 * Accepts connections on `host:port`. `onAccept` must set the connection's handler before it returns. With `shared`,
 * several processes may listen there, and each connection goes to one of them. `options` are those of the connections.
 */
export function listen(
  host: string,
  port: number,
  onAccept: (connection: SocketConnection) => void,
  { shared = false, options }: { shared?: boolean; options?: SocketOptions } = {},
): Listener {
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
  return { port: listener.port, stop: () => listener.stop(false) };
}
