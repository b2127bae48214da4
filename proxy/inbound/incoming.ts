import type { ClientInfo } from '../model/client-info.ts';
import { targetLabels } from '../telemetry/endpoint-labels.ts';
import type { Labels } from '../telemetry/labels.ts';
import { parseIp } from '../wire/ip-network.ts';
import type { Connection } from '../wire/transport.ts';

/** A connection on its way in, as it is known so far. */
export interface Incoming {
  /** The workload's address and port that it is meant for. */
  readonly address: string;
  readonly port: number;
  readonly client: ClientInfo;
  /** What metrics say of it: target and TLS. */
  readonly labels: Labels;
}

/** `tls` is what metrics say of its TLS. */
export function incoming(connection: Connection, address: string, port: number, tls: Labels): Incoming {
  return {
    address,
    port,
    client: {
      address: parseIp(connection.remoteAddress),
      tls: connection.tls !== undefined,
      identity: connection.tls?.identity,
    },
    labels: { ...targetLabels(address, port), ...tls },
  };
}
