import { connect, createServer, type Server, type Socket } from 'node:net';

/** Stands between a client and a server, and can do to their connections what networks do. */
export class TcpProxy {
  /** Connections taken so far. */
  accepted = 0;
  private readonly target: number;
  private readonly server: Server;
  private readonly pairs = new Set<readonly [Socket, Socket]>();
  private mode: 'forward' | 'freeze' | 'refuse' = 'forward';

  constructor(targetPort: number) {
    this.target = targetPort;
    this.server = createServer({ allowHalfOpen: false }, (client) => this.take(client));
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return (this.server.address() as { port: number }).port;
  }

  /** Resets every connection that there is; new ones get through. */
  cut(): void {
    for (const pair of this.pairs) for (const socket of pair) socket.resetAndDestroy();
    this.pairs.clear();
  }

  /** Passes nothing on any more, on no connection, without closing one. */
  freeze(): void {
    this.mode = 'freeze';
    for (const pair of this.pairs) for (const socket of pair) socket.pause();
  }

  /** Lets new connections through again; those that were frozen stay so. */
  thawForNew(): void {
    this.mode = 'forward';
  }

  /** Resets what there is and every new connection, until `forward`. */
  refuse(): void {
    this.mode = 'refuse';
    this.cut();
  }

  forward(): void {
    this.mode = 'forward';
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private take(client: Socket): void {
    this.accepted++;
    client.on('error', () => {});
    if (this.mode === 'refuse') {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect(this.target, '127.0.0.1');
    const pair = [client, upstream] as const;
    this.pairs.add(pair);
    for (const [from, to] of [pair, [upstream, client] as const]) {
      from.on('error', () => to.destroy());
      from.on('close', () => {
        to.destroy();
        this.pairs.delete(pair);
      });
      from.on('data', (chunk) => {
        if (!to.write(chunk)) {
          from.pause();
          to.once('drain', () => from.resume());
        }
      });
    }
    if (this.mode === 'freeze') for (const socket of pair) socket.pause();
  }
}
