import type { OpenConnection, OpenConnections } from '../accept/open-connections.ts';
import { formatHostPort } from '../wire/ip-network.ts';
import { type DebugPage, pageOf } from './page.ts';

/** The connections that are served now. */
export function connectionsPage(open: OpenConnections, nowMs: number): DebugPage {
  return pageOf(open.list(), (one) => describe(one, nowMs));
}

function describe({ connection, carries, sinceMs, drainable }: OpenConnection, nowMs: number): unknown {
  const { remoteAddress, remotePort, localAddress, localPort, tls, bytesRead, bytesWritten } = connection;
  return {
    client: formatHostPort(remoteAddress, remotePort),
    clientIdentity: tls?.identity,
    tls: tls !== undefined,
    to: formatHostPort(localAddress, localPort),
    carries,
    requests: drainable.activeStreams,
    openMs: Math.round(nowMs - sinceMs),
    ...{ bytesRead, bytesWritten },
  };
}
