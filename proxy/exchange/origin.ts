import type { HttpVersion } from '../wire/stream.ts';
import type { Connection } from '../wire/transport.ts';

/** Where the requests of one accepted connection come from: made once for each connection, and only read. */
export interface Origin {
  readonly direction: 'inbound' | 'outbound';
  /** What the connection speaks. */
  readonly version: HttpVersion;
  /** Whether clients are told why the proxy itself failed their requests. */
  readonly tellsWhy: boolean;
  readonly clientAddress: string;
  readonly clientPort: number;
  /** TLS of the mesh was terminated here. */
  readonly clientTls: boolean;
  /** The client's verified identity; undefined without one. */
  readonly clientIdentity: string | undefined;
  /** What the connection was made to: the workload's own address or, of its own calls, what they were redirected from. */
  readonly address: string;
  readonly port: number;
}

/** That of a connection which was made to `to`; to this proxy itself when it is left out. */
export function originOf(
  direction: Origin['direction'],
  connection: Connection,
  version: HttpVersion,
  tellsWhy: boolean,
  to: { readonly address: string; readonly port: number } | undefined = undefined,
): Origin {
  const { remoteAddress, remotePort, localAddress, localPort, tls } = connection;
  return {
    direction,
    version,
    tellsWhy,
    clientAddress: remoteAddress,
    clientPort: remotePort,
    clientTls: tls !== undefined,
    clientIdentity: tls?.identity,
    address: to?.address ?? localAddress,
    port: to?.port ?? localPort,
  };
}
