import type { Server, Socket } from 'node:net';

export type Refusal = 'address' | 'all';

export interface ConnectionLimitsOptions {
  /** Of all clients. */
  readonly most: number;
  /** Of one address, unless it is this host's own: the sidecar beside the component speaks for many clients. */
  readonly mostPerAddress: number;
  /** Told of each connection that was refused, or ended in favour of another, and which of the limits was met. */
  readonly onRefused: (limit: Refusal, address: string) => void;
}

/** What a connection has done: the less it has, the sooner it gives way. */
type Standing = 'silent' | 'idle' | 'busy';

/** Who is at the other end. */
type Client = Partial<Pick<Socket, 'remoteAddress' | 'remotePort'>>;

interface Connection {
  readonly socket: Socket;
  readonly address: string;
  standing: Standing;
}

/**
 * Bounds the connections of a server so that nobody keeps others away by holding many. A new one always gets in where
 * another can give way: one that never asked anything, the oldest of the address that has most of them, and then one
 * that is idle. Only connections with a call under way stay, and where all are that, the new one goes.
 */
export class ConnectionLimits {
  private readonly options: ConnectionLimitsOptions;
  /** By address and port of the client; the oldest standing first. */
  private readonly connections = new Map<string, Connection>();
  private readonly perAddress = new Map<string, number>();

  constructor(options: ConnectionLimitsOptions) {
    this.options = options;
  }

  /** Admits what a server accepts from now on. Once for each server that shares the limits. */
  watch(server: Server): void {
    server.on('connection', (socket: Socket) => this.admit(socket));
  }

  /** A call of a connection is there in full, so it is no longer one that never asked anything. */
  begin(socket: Client): void {
    this.move(socket, 'busy');
  }

  /** It has none under way any more. */
  end(socket: Client): void {
    this.move(socket, 'idle');
  }

  private admit(socket: Socket): void {
    const address = socket.remoteAddress;
    if (address === undefined) return;
    const { most, mostPerAddress } = this.options;
    const key = keyOf(socket);
    this.connections.set(key, { socket, address, standing: 'silent' });
    this.perAddress.set(address, (this.perAddress.get(address) ?? 0) + 1);
    socket.once('close', () => this.forget(key));
    if (!isOwn(address) && (this.perAddress.get(address) ?? 0) > mostPerAddress) this.giveWay('address', key, address);
    else if (this.connections.size > most) this.giveWay('all', key);
  }

  /** Ends the connection that has least to lose: of one address, or of all. */
  private giveWay(limit: Refusal, newest: string, address?: string): void {
    const key = this.least('silent', newest, address) ?? this.least('idle', newest, address) ?? newest;
    const connection = this.connections.get(key) as Connection;
    this.forget(key);
    connection.socket.destroy();
    this.options.onRefused(limit, connection.address);
  }

  private least(standing: Standing, newest: string, address?: string): string | undefined {
    let found: string | undefined;
    let has = 0;
    for (const [key, connection] of this.connections) {
      if (connection.standing !== standing || key === newest) continue;
      if (address !== undefined && connection.address !== address) continue;
      const held = this.perAddress.get(connection.address) ?? 0;
      if (held <= has) continue;
      [found, has] = [key, held];
    }
    return found;
  }

  private move(socket: Client, standing: Standing): void {
    const key = keyOf(socket);
    const connection = this.connections.get(key);
    if (connection === undefined) return;
    connection.standing = standing;
    // To the end: it has just been heard of.
    this.connections.delete(key);
    this.connections.set(key, connection);
  }

  private forget(key: string): void {
    const connection = this.connections.get(key);
    if (connection === undefined) return;
    this.connections.delete(key);
    const held = (this.perAddress.get(connection.address) ?? 1) - 1;
    if (held === 0) this.perAddress.delete(connection.address);
    else this.perAddress.set(connection.address, held);
  }
}

/** TLS hides the connection that it is spoken on; its client is the same. */
const keyOf = ({ remoteAddress, remotePort }: Client): string => `${remoteAddress} ${remotePort}`;

/** Of this host itself. */
export const isOwn = (address: string): boolean =>
  address.startsWith('127.') || address === '::1' || address.startsWith('::ffff:127.');
