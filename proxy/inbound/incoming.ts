import type { ClientInfo } from '../model/client-info.ts';
import { type ShownPort, targetLabels } from '../telemetry/endpoint-labels.ts';
import type { Labels } from '../telemetry/labels.ts';
import { parseIp } from '../wire/ip-network.ts';
import type { Connection } from '../wire/transport.ts';
import type { Applications } from './application.ts';

/** A connection on its way in, as it is known so far. */
export interface Incoming {
  /** The workload's address and port that it is meant for. */
  readonly address: string;
  readonly port: number;
  /** The port in metrics. */
  readonly shownPort: ShownPort;
  readonly client: ClientInfo;
  /** What metrics say of it: target and TLS. */
  readonly labels: Labels;
}

/** `tls` is what metrics say of its TLS; `applications` know which ports there are. */
export function incoming(
  connection: Connection,
  address: string,
  port: number,
  tls: Labels,
  applications: Pick<Applications, 'isKnown'>,
): Incoming {
  const identity = connection.tls?.identity;
  const shownPort = identity !== undefined || applications.isKnown(port) ? port : 'other';
  return {
    address,
    port,
    shownPort,
    client: { address: parseIp(connection.remoteAddress), tls: connection.tls !== undefined, identity },
    labels: { ...targetLabels(address, shownPort), ...tls },
  };
}
