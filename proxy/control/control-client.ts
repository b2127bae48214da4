import type { Clock } from '../clock.ts';
import { connect } from '../net/connect.ts';
import { resolve } from '../net/resolve.ts';
import { makeTlsContext, type TlsContext } from '../net/tls.ts';
import type { FieldTable } from '../wire/field-table.ts';
import { formatHostPort } from '../wire/ip-network.ts';
import type { Connection, Turn } from '../wire/transport.ts';
import type { ControlAddress } from './control-address.ts';
import type { CallCounts } from './grpc/grpc-call.ts';
import { GrpcChannel } from './grpc/grpc-channel.ts';

/** PEM material for the connection to a component; without a key it is TLS without a client certificate. */
export interface ControlTls {
  readonly trustAnchors: string;
  readonly key: string | undefined;
  readonly certificateChain: string | undefined;
}

export interface ControlClientOptions {
  address: ControlAddress;
  /** Asked for whenever a call is made. */
  material: () => ControlTls;
  turn: Turn;
  fields: FieldTable;
  clock: Clock;
  /** Where calls are counted. Default: nowhere. */
  counts?: CallCounts | undefined;
  /** As of GrpcChannel. */
  keepAlive?: boolean;
}

const connectTimeoutMs = 3000;
const userTimeoutMs = 10_000;

/**
 * The connection to one component of the control plane. A renewed certificate is used by a new connection; calls under
 * way stay on the old one, which closes when they have ended.
 */
export class ControlClient {
  private readonly options: ControlClientOptions;
  private current: { channel: GrpcChannel; key: string | undefined; chain: string | undefined } | undefined = undefined;

  constructor(options: ControlClientOptions) {
    this.options = options;
  }

  channel(): GrpcChannel {
    const tls = this.options.material();
    const { current } = this;
    if (current !== undefined && current.key === tls.key && current.chain === tls.certificateChain)
      return current.channel;
    current?.channel.drain();
    const channel = this.open(tls);
    this.current = { channel, key: tls.key, chain: tls.certificateChain };
    return channel;
  }

  close(): void {
    this.current?.channel.close();
    this.current = undefined;
  }

  private open(material: ControlTls): GrpcChannel {
    const { address, turn, fields, clock, counts, keepAlive } = this.options;
    const { serverName } = address;
    const context = serverName === undefined ? undefined : makeTlsContext(material);
    return new GrpcChannel({
      authority: serverName ?? formatHostPort(address.host, address.port),
      scheme: serverName === undefined ? 'http' : 'https',
      turn,
      fields,
      clock,
      counts,
      keepAlive,
      connect: (onConnected, onFailed) => this.connect(context, onConnected, onFailed),
    });
  }

  private connect(
    context: TlsContext | undefined,
    onConnected: (connection: Connection) => void,
    onFailed: (detail: string) => void,
  ): void {
    const { address, clock } = this.options;
    connectByName(address, context, ['h2'], clock, onConnected, onFailed);
  }
}

/**
 * Connects to a component, with TLS where it is to prove an identity. Components have several replicas behind one name:
 * each connection goes to one of them by chance. Exactly one of the callbacks is called, once.
 */
export function connectByName(
  { host, port, serverName }: ControlAddress,
  context: TlsContext | undefined,
  alpn: readonly string[],
  clock: Clock,
  onConnected: (connection: Connection) => void,
  onFailed: (detail: string) => void,
): void {
  resolve(host, clock).then(
    (addresses) => {
      const address = addresses[Math.floor(clock.random() * addresses.length)];
      const tls =
        context === undefined || serverName === undefined
          ? {}
          : { tls: { context, serverName, identity: serverName, alpn } };
      connect(
        { host: address, port, timeoutMs: connectTimeoutMs, timers: clock, options: { userTimeoutMs }, ...tls },
        onConnected,
        (_failure, detail) => onFailed(`${formatHostPort(address, port)}: ${detail}`),
      );
    },
    (error: Error) => onFailed(`${host} cannot be resolved: ${error.message}`),
  );
}
